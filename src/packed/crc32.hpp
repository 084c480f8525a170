// CRC-32 as in Ethernet, gzip and PNG: polynomial 0x04C11DB7 reflected, initial value and final xor all ones. Any
// change of one bit, of an odd number of bits, or of one run of up to 32 bits changes it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tern::packed {

inline std::uint32_t crc32(std::span<const std::byte> bytes) {
  static constexpr auto table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
      t[i] = c;
    }
    return t;
  }();
  std::uint32_t c = 0xFFFFFFFFu;
  for (const std::byte b : bytes) c = table[(c ^ static_cast<std::uint32_t>(b)) & 0xFF] ^ (c >> 8);
  return c ^ 0xFFFFFFFFu;
}

}  // namespace tern::packed
