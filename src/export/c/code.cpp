#include "export/c/code.hpp"

#include <algorithm>
#include <cmath>

namespace tern::c99 {

std::string plus(const std::string& a, const std::string& b) {
  if (a == "0") return b;
  return b == "0" ? a : a + " + " + b;
}

std::string plus(const std::string& a, i64 b) {
  if (b < 0) return (a == "0" ? "" : a + " ") + "- " + std::to_string(-b);
  return plus(a, std::to_string(b));
}

std::string times(const std::string& a, i64 b) {
  if (a == "0" || b == 1) return a;
  return (a.find(' ') == std::string::npos ? a : "(" + a + ")") + " * " + std::to_string(b);
}

std::string hexadecimal(float v) { return fmt::format("{:a}f", v); }

std::string literal(float v) { return std::signbit(v) ? "(" + hexadecimal(v) + ")" : hexadecimal(v); }

std::string literal(i64 v) {
  return v < 0 ? "(-INT64_C(" + std::to_string(-v) + "))" : "INT64_C(" + std::to_string(v) + ")";
}

void Code::put(const std::string& text) {
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) text_.append(static_cast<std::size_t>(4 * depth_), ' ').append(text, at, end - at);
    text_ += '\n';
    at = end + 1;
  }
}

void Code::close(const std::string& behind) {
  --depth_;
  put("}" + behind);
}

void Code::comment(const std::string& text) {
  const std::size_t most = 94 - static_cast<std::size_t>(4 * depth_);
  std::string line = "/*";
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (line.size() + 1 + end - at > most) {
      out += line + "\n";
      line = "  ";
    }
    line.append(" ").append(text, at, end - at);
    at = end + 1;
  }
  put(out + line + " */");
}

Loop::Loop(Code& code, const std::string& variable, i64 n, const std::string& pragma)
    : at(n == 1 ? "0" : variable), code_(code), open_(n != 1) {
  if (!open_) return;
  code.open("for (int32_t {0} = 0; {0} < {1}; {0}++)", variable, n);
  if (!pragma.empty()) code.put(pragma);
}

}  // namespace tern::c99
