// What tells one state of a data set from another.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tern/data.hpp"

namespace tern::data {

/// h = (rotate(h) ^ word) * odd over 64-bit words, which is one-to-one in each word, so that a single change can never
/// be lost. Guards against mistakes, not against people.
class Hash {
 public:
  void word(std::uint64_t w) { h_ = (std::rotl(h_, 23) ^ w) * 0x9E3779B97F4A7C15u; }
  void bytes(std::span<const std::uint8_t> b) {
    word(b.size());
    for (; b.size() >= 8; b = b.subspan(8)) word(little_endian(b.first(8)));
    word(little_endian(b));
  }
  void text(std::string_view t) { bytes({reinterpret_cast<const std::uint8_t*>(t.data()), t.size()}); }
  std::uint64_t value() const { return (h_ ^ (h_ >> 32)) * 0xD6E8FEB86659FD93u; }

 private:
  static std::uint64_t little_endian(std::span<const std::uint8_t> b) {
    std::uint64_t w = 0;
    for (std::size_t i = 0; i < b.size(); ++i) w |= std::uint64_t{b[i]} << (8 * i);
    return w;
  }
  std::uint64_t h_ = 0;
};

/// 16 hex digits, the same on every machine: any change of one pixel or label changes them, as do other class names,
/// other shapes and another order.
std::string fingerprint(const Dataset& set);

}  // namespace tern::data
