// Spec: a method with options in one word of text, as the command line, configuration files and graphs write it:
//   twn        twn:threshold=exact,group=filter        cosine:hi=0.1,lo=0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tern {

struct Spec {
  std::string key;
  std::vector<std::pair<std::string, std::string>> options;  ///< in the order written

  /// Errors: ValueError on an empty key or option, white space, or an option given twice.
  static Spec parse(std::string_view text);
  std::string str() const;

  bool has(std::string_view option) const;
  /// The option's text, or `fallback`. Errors (number forms): ValueError naming option and text if it does not parse.
  std::string text(std::string_view option, std::string_view fallback) const;
  double number(std::string_view option, double fallback) const;
  /// Errors: ValueError if the option is missing.
  double number(std::string_view option) const;
  int integer(std::string_view option, int fallback) const;
  /// Accepts 0, 1, false, true.
  bool flag(std::string_view option, bool fallback) const;
  /// Numbers joined by ';'. Errors: ValueError if the option is missing or one does not parse.
  std::vector<double> numbers(std::string_view option) const;
  /// Errors: ValueError naming the first option that is not in `known`, and the known ones.
  void allow_only(std::initializer_list<std::string_view> known) const;
};

}  // namespace tern
