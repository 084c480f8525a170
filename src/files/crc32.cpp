// Eight bytes a step ("slicing by 8"). The remainder is linear, so those of the eight bytes, each moved to its place by
// a table of its own, add up: kTables[k][b] is the remainder of byte b with k zero bytes behind it.
#include "files/crc32.hpp"

#include <array>

namespace tern {
namespace {

using Table = std::array<std::uint32_t, 256>;

constexpr auto kTables = [] {
  std::array<Table, 8> t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
    t[0][i] = c;
  }
  for (std::size_t k = 1; k < t.size(); ++k) {
    for (std::size_t i = 0; i < 256; ++i) t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 0xFF];
  }
  return t;
}();

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes) {
  std::uint32_t c = 0xFFFFFFFFu;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
  std::size_t i = 0;
  for (; bytes.size() - i >= 8; i += 8) {
    c ^= byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    c = kTables[7][c & 0xFF] ^ kTables[6][c >> 8 & 0xFF] ^ kTables[5][c >> 16 & 0xFF] ^ kTables[4][c >> 24] ^
        kTables[3][byte(i + 4)] ^ kTables[2][byte(i + 5)] ^ kTables[1][byte(i + 6)] ^ kTables[0][byte(i + 7)];
  }
  for (; i < bytes.size(); ++i) c = kTables[0][(c ^ byte(i)) & 0xFF] ^ c >> 8;
  return c ^ 0xFFFFFFFFu;
}

}  // namespace tern
