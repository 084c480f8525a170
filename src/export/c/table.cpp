#include "export/c/table.hpp"

#include <algorithm>
#include <limits>

namespace tern::c99 {
namespace {

template <class Values, class Text>
Table table(const std::string& name, const std::string& remark, const Values& values, const std::string& type,
            const std::string& access, i64 bytes, Text text) {
  constexpr std::size_t kColumns = 100;
  Table t{name, type, access, remark, static_cast<i64>(values.size()) * bytes, {}, static_cast<i64>(values.size())};
  std::string line = "   ";
  for (const auto v : values) {
    const std::string item = " " + text(v) + ",";
    if (line.size() + item.size() > kColumns) {
      t.values += line + "\n";
      line = "   ";
    }
    line += item;
  }
  t.values += line.substr(0, line.size() - 1);
  return t;
}

template <class T>
bool fit(std::span<const std::int32_t> values) {
  return std::all_of(values.begin(), values.end(), [](std::int32_t v) {
    return v >= std::numeric_limits<T>::min() && v <= std::numeric_limits<T>::max();
  });
}

std::string decimal(std::int32_t v) {
  return v == std::numeric_limits<std::int32_t>::min() ? "(-2147483647 - 1)" : std::to_string(v);
}

}  // namespace

std::string Table::at(const Prefix& prefix, const std::string& index) const {
  return fmt::format("{}_{}({}, {})", prefix.upper, access, name, index);
}

std::string Table::definition(const Prefix& prefix) const {
  return fmt::format("/* {} */\nstatic const {} {}[{}]{} = {{\n{}\n}};\n", remark, type, name, count,
                     in_memory ? "" : " " + prefix.upper + "_TABLE", values);
}

Table integers(const std::string& name, const std::string& remark, std::span<const std::int32_t> values) {
  if (fit<std::int8_t>(values)) return table(name, remark, values, "int8_t", "I8", 1, decimal);
  if (fit<std::int16_t>(values)) return table(name, remark, values, "int16_t", "I16", 2, decimal);
  return table(name, remark, values, "int32_t", "I32", 4, decimal);
}

Table integers(const std::string& name, const std::string& remark, const std::vector<i64>& values) {
  const std::vector<std::int32_t> narrow(values.begin(), values.end());
  if (std::equal(values.begin(), values.end(), narrow.begin())) return integers(name, remark, narrow);
  return table(name, remark, values, "int64_t", "I64", 8, [](i64 v) { return literal(v); });
}

Table words(const std::string& name, const std::string& remark, std::span<const std::uint64_t> values, int bits) {
  const std::string width = std::to_string(bits);
  return table(name, remark, values, "uint" + width + "_t", "U" + width, bits / 8, [&](std::uint64_t v) {
    const std::string digits = fmt::format("0x{:0{}x}", v, bits / 4);
    return bits == 64 ? "UINT64_C(" + digits + ")" : digits + "u";
  });
}

Table floats(const std::string& name, const std::string& remark, std::span<const float> values) {
  return table(name, remark, values, "float", "F32", 4, hexadecimal);
}

Table trits(const std::string& name, const std::string& remark, std::span<const std::int8_t> codes, i64 row) {
  std::vector<std::uint64_t> out;
  for (std::size_t at = 0; at < codes.size(); at += static_cast<std::size_t>(row)) {
    const auto own = codes.subspan(at, static_cast<std::size_t>(row));
    for (std::size_t begin = 0; begin < own.size(); begin += kTritsAWord) {
      const auto ten = own.subspan(begin, std::min<std::size_t>(kTritsAWord, own.size() - begin));
      std::uint64_t word = 0;
      for (std::size_t i = ten.size(); i-- > 0;) word = 3 * word + static_cast<std::uint64_t>(ten[i] + 1);
      out.push_back(word);
    }
  }
  return words(name, remark, out, 16);
}

}  // namespace tern::c99
