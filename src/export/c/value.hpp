// How a value of the network lies in the C program's memory, and the C expressions that read it.
#pragma once

#include <set>
#include <string>

#include "export/c/code.hpp"
#include "infer/ops/value.hpp"

namespace tern::c99 {

enum class Layout {
  kImage,   ///< the caller's bytes, read through a table of what each byte becomes
  kReal,    ///< float, channel after channel
  kCodes,   ///< int8_t, channel after channel
  kPlanes,  ///< binary digits of codes: [pixel][word of channels][digit], digits in two's complement
};

/// Names of the file: "net" and what begins with it.
struct Prefix {
  std::string lower, upper;
  explicit Prefix(const std::string& name);
};

struct Value {
  infer::ValueType type;
  Layout layout = Layout::kReal;
  Shape view;         ///< C H W as it was stored: what a flattened value was before
  std::string table;  ///< of kImage

  // Of kPlanes.
  int digits = 0;
  bool negative = false;  ///< the highest digit counts -2^(digits - 1)
  int word_bits = 0;

  i64 channels() const { return view[0]; }
  i64 pixels() const { return view[1] * view[2]; }
  i64 words() const { return (channels() + word_bits - 1) / word_bits; }  ///< of a pixel and digit
  i64 pixel_words() const { return words() * digits; }
  i64 bytes() const;  ///< in the arena
  i64 align() const;
  std::string element() const;  ///< "float", "int8_t", "uint32_t"
  /// The worth of a digit.
  i64 digit_worth(int digit) const { return negative && digit == digits - 1 ? -(i64{1} << digit) : i64{1} << digit; }
  /// "codes -1..1, 16x14x14, in 2 planes of 16-bit words"
  std::string description() const;
};

/// The value of a node that is computed, in the layout that suits its type. `max_word`: 32 or 64.
Value stored(const infer::ValueType& type, int max_word);

/// Reads a value that lies at the C expression `at`.
class Operand {
 public:
  Operand(const Prefix& prefix, const Value& value, std::string at, std::set<std::string>& helpers)
      : prefix_(prefix), value_(value), at_(std::move(at)), helpers_(helpers) {}

  const Value& value() const { return value_; }
  const std::string& at() const { return at_; }
  bool is_codes() const { return value_.type.is_codes(); }
  /// Expressions of type int32_t, float. `channel` and `pixel` are index expressions.
  std::string code(const std::string& channel, const std::string& pixel) const;
  std::string real(const std::string& channel, const std::string& pixel) const;

 private:
  const Prefix& prefix_;
  const Value& value_;
  std::string at_;
  std::set<std::string>& helpers_;
};

/// Definition of a function that expressions call. `word_bits`: of the widest word.
std::string helper_definition(const Prefix& prefix, const std::string& helper, int word_bits);

}  // namespace tern::c99
