// Constant tables of the C program: integers in the smallest type that holds them, floats as hexadecimal literals.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "export/c/value.hpp"

namespace tern::c99 {

struct Table {
  std::string name;
  std::string type;    ///< "int8_t", "uint32_t", "float"
  std::string access;  ///< macro that reads it, without the prefix: "I8", "U32", "F32"
  std::string remark;  ///< in a comment above it
  i64 bytes = 0;
  std::string values;  ///< between the braces, in lines
  i64 count = 0;
  bool in_memory = false;  ///< read by a pointer: never moved to a flash that pointers do not reach

  /// The expression that reads an element.
  std::string at(const Prefix& prefix, const std::string& index) const;
  std::string definition(const Prefix& prefix) const;
};

/// int8_t, int16_t or int32_t.
Table integers(const std::string& name, const std::string& remark, std::span<const std::int32_t> values);
/// int64_t, or one of these where all fit.
Table integers(const std::string& name, const std::string& remark, const std::vector<i64>& values);
/// uint8_t .. uint64_t.
Table words(const std::string& name, const std::string& remark, std::span<const std::uint64_t> values, int bits);
Table floats(const std::string& name, const std::string& remark, std::span<const float> values);
/// Codes -1..1, ten in 16 bits: code + 1 as digits to the base 3, the first one lowest. A row of `row` codes begins
/// with a new word.
Table trits(const std::string& name, const std::string& remark, std::span<const std::int8_t> codes, i64 row);
inline constexpr i64 kTritsAWord = 10;

}  // namespace tern::c99
