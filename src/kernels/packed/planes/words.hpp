// Words of a stream of bits at any bit position, for what lies between two bit-sliced layers.
#pragma once

#include <cstdint>
#include <cstring>

namespace tern::kernels::planes {

using i64 = std::int64_t;
using u8 = std::uint8_t;
using u64 = std::uint64_t;

inline u64 low_mask(i64 n) { return n >= 64 ? ~u64{0} : (u64{1} << n) - 1; }
inline u64 load_word(const u8* p) {
  u64 w;
  std::memcpy(&w, p, 8);
  return w;
}
inline void store_word(u8* p, u64 w) { std::memcpy(p, &w, 8); }

/// The 64 bits from bit `at`; reads 9 bytes.
inline u64 word_at(const u8* stream, i64 at) {
  const u8* p = stream + (at >> 3);  // floor, also below 0
  const int shift = static_cast<int>(at & 7);
  return shift == 0 ? load_word(p) : load_word(p) >> shift | static_cast<u64>(p[8]) << (64 - shift);
}

/// Replaces `n` <= 64 bits from bit `at`; the bits of `bits` above n are 0. Touches up to 9 bytes.
inline void put_word(u8* stream, i64 at, i64 n, u64 bits) {
  u8* p = stream + (at >> 3);
  const int shift = static_cast<int>(at & 7);
  const u64 mask = low_mask(n);
  store_word(p, (load_word(p) & ~(mask << shift)) | bits << shift);
  if (shift + n <= 64) return;
  const auto high = static_cast<unsigned>(mask >> (64 - shift));
  p[8] = static_cast<u8>((p[8] & ~high) | static_cast<unsigned>(bits >> (64 - shift)));
}

/// Eight bytes of eight bits, transposed: bit c of byte p becomes bit p of byte c. Three exchanges of blocks (4x4 bits
/// first within 2x2, then 2x2, then whole quarters).
inline u64 transpose8(u64 x) {
  u64 t = (x ^ x >> 7) & 0x00aa00aa00aa00aau;
  x ^= t ^ t << 7;
  t = (x ^ x >> 14) & 0x0000cccc0000ccccu;
  x ^= t ^ t << 14;
  t = (x ^ x >> 28) & 0x00000000f0f0f0f0u;
  return x ^ t ^ t << 28;
}

/// `n` <= 64 bytes, `step` apart, as eight words: bit i of words[c] is bit c of byte i. What the bytes' bits are is the
/// caller's matter: the channels of a pixel, or the planes of a code.
inline void channel_words(const u8* bytes, i64 step, i64 n, u64 words[8]) {
  for (int c = 0; c < 8; ++c) words[c] = 0;
  for (i64 first = 0; first < n; first += 8) {
    const i64 count = n - first < 8 ? n - first : 8;
    u64 block = 0;
    for (i64 i = 0; i < count; ++i) block |= static_cast<u64>(bytes[(first + i) * step]) << (8 * i);
    block = transpose8(block);
    for (int c = 0; c < 8; ++c) words[c] |= (block >> (8 * c) & 0xff) << first;
  }
}

}  // namespace tern::kernels::planes
