// Spec: a method with options in one word of text, as the command line, configuration files and graphs write it:
//   twn        twn:threshold=exact,group=filter        cosine:hi=0.1,lo=0
// and the table that a method gives of its options.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tern/public.h"

namespace tern {

/// One option of a method: what parsing accepts, and what `tern list`, errors and the pages in docs say of it.
struct TERN_PUBLIC SpecOption {
  std::string name;
  /// Its value where a spec does not give one; "=NAME": the value of NAME, an option above; "": it must be given.
  std::string fallback;
  /// The legal values, alternatives joined by '|':
  ///   word                itself                                       twn|one
  ///   lo..hi              an integer, the ends among them              2..7
  ///   [lo, hi]  (lo, hi)  a finite number, with the end or without it  [0, 1)
  ///   A;B  A;...          numbers joined by ';': one of A, one of B; any count of A
  /// 0|1 is a flag: false and true are legal too.
  std::string range;
  std::string help;
  /// Under what it counts, as a spec writes options: "mode=signed|relu01,learn=1"; "": always.
  std::string when = "";

  /// The default as people read it: the name of the option that it follows, without '='.
  std::string shown_default() const { return fallback.starts_with('=') ? fallback.substr(1) : fallback; }
};
/// All options of a method, {} if it has none. It stands beside the method and is the only list of them.
using OptionTable = std::vector<SpecOption>;

/// Errors: ValueError naming the method and the option whose name, range, default or condition cannot be right.
TERN_PUBLIC void check_options(const std::string& key, const OptionTable& table);
/// "t=0.05, init=twn|one": every option with its default, and the words that it may be instead.
TERN_PUBLIC std::string brief(const OptionTable& table);

struct TERN_PUBLIC Spec {
  std::string key;
  std::vector<std::pair<std::string, std::string>> options;  ///< in the order written

  /// Errors: ValueError on an empty key or option, white space, or an option given twice.
  static Spec parse(std::string_view text);
  std::string str() const;
  /// The same with one more option, whose text reads as exactly this number.
  Spec with(std::string option, double value) const;

  bool has(std::string_view option) const;
  /// The option's text, or `fallback`. Errors (number forms): ValueError naming option and text if it does not parse.
  std::string text(std::string_view option, std::string_view fallback) const;
  double number(std::string_view option, double fallback) const;
  int integer(std::string_view option, int fallback) const;
  /// Accepts 0, 1, false, true.
  bool flag(std::string_view option, bool fallback) const;
  /// The same of an option that is there. Errors: ValueError if it is missing.
  std::string text(std::string_view option) const;
  double number(std::string_view option) const;
  int integer(std::string_view option) const;
  bool flag(std::string_view option) const;
  /// Numbers joined by ';'. Errors: ValueError if the option is missing or one does not parse.
  std::vector<double> numbers(std::string_view option) const;
  /// Errors: ValueError naming the first option that is not in `known`, and the known ones.
  void allow_only(std::initializer_list<std::string_view> known) const;
  /// With a value for every option of the table, in its order: what a method reads. Errors: ValueError naming an option
  /// that is unknown, missing, out of its range or without effect, with what would be legal and what may have been
  /// meant.
  Spec completed(const OptionTable& table) const;
};

}  // namespace tern
