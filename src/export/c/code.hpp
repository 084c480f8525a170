// Lines of C: indentation, loops, and index expressions that leave out what adds nothing.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <utility>

namespace tern::c99 {

using i64 = std::int64_t;

/// Sums and products of index expressions: no "+ 0", no "* 1", parentheses where a product wants them.
std::string plus(const std::string& a, const std::string& b);
std::string plus(const std::string& a, i64 b);
std::string times(const std::string& a, i64 b);

/// A float as C writes it without loss: 0x1.8p-3f; as part of an expression, (-0x1.8p-3f).
std::string hexadecimal(float v);
std::string literal(float v);
/// An integer that needs 64 bits: INT64_C(12); as part of an expression, (-INT64_C(12)).
std::string literal(i64 v);

class Code {
 public:
  explicit Code(int depth = 0) : depth_(depth) {}

  template <class... A>
  void line(fmt::format_string<A...> format, A&&... arguments) {
    put(fmt::format(format, std::forward<A>(arguments)...));
  }
  /// The line with an opening brace behind it; close() ends what it opens.
  template <class... A>
  void open(fmt::format_string<A...> format, A&&... arguments) {
    put(fmt::format(format, std::forward<A>(arguments)...) + " {");
    ++depth_;
  }
  void close(const std::string& behind = "");
  /// As it stands, one line or several.
  void put(const std::string& text);
  void blank() { text_ += '\n'; }
  /// A comment, broken into lines of at most 100 columns.
  void comment(const std::string& text);

  const std::string& text() const { return text_; }

 private:
  int depth_;
  std::string text_;
};

/// A loop over 0 .. n - 1 that ends with the scope; of a single turn there is none, and `at` is 0.
class Loop {
 public:
  Loop(Code& code, const std::string& variable, i64 n, const std::string& pragma = "");
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() {
    if (open_) code_.close();
  }

  const std::string at;

 private:
  Code& code_;
  bool open_;
};

}  // namespace tern::c99
