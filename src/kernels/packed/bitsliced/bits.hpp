// Streams of bits: reading and writing up to a word at any bit.
#pragma once

#include <cstdint>
#include <cstring>

namespace tern::kernels::bitsliced {

inline std::uint64_t load64(const std::uint8_t* p) {
  std::uint64_t w;
  std::memcpy(&w, p, 8);
  return w;
}

constexpr std::uint64_t low_mask(std::int64_t n) { return n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1; }

/// `n` <= 64 bits of a stream from bit `at`, which may be negative; the bits above them are 0.
inline std::uint64_t get_bits(const std::uint8_t* stream, std::int64_t at, std::int64_t n) {
  const std::uint8_t* p = stream + (at >> 3);  // floor, also below 0
  const int shift = static_cast<int>(at & 7);
  std::uint64_t w = load64(p) >> shift;
  if (shift != 0) w |= static_cast<std::uint64_t>(p[8]) << (64 - shift);
  return w & low_mask(n);
}

/// Bits 0, stride, 2 stride, .. of a word, moved together.
inline std::uint64_t every(std::uint64_t word, std::int64_t stride) {
  if (stride == 1) return word;
  if (stride == 2) {  // each step halves the number of gaps
    word &= 0x5555555555555555;
    word = (word | word >> 1) & 0x3333333333333333;
    word = (word | word >> 2) & 0x0f0f0f0f0f0f0f0f;
    word = (word | word >> 4) & 0x00ff00ff00ff00ff;
    word = (word | word >> 8) & 0x0000ffff0000ffff;
    return (word | word >> 16) & 0x00000000ffffffff;
  }
  std::uint64_t out = 0;
  for (std::int64_t i = 0; i * stride < 64; ++i) out |= (word >> (i * stride) & 1) << i;
  return out;
}

/// Writes a stream from bit `at` on, piece by piece. Without branches, since where words end is no pattern that a CPU
/// guesses.
class BitWriter {
 public:
  BitWriter(std::uint8_t* stream, std::int64_t at)
      : to_(stream + (at >> 6) * 8), behind_(load64(to_)), word_(behind_ & low_mask(at & 63)), filled_(at & 63) {}
  /// Appends the lowest `n` <= 64 of `bits`; the others must be 0.
  void append(std::uint64_t bits, std::int64_t n) {
    word_ |= bits << filled_;
    std::memcpy(to_, &word_, 8);
    const bool full = filled_ + n >= 64;
    to_ += full ? 8 : 0;
    const std::uint64_t next = load64(to_), rest = bits >> 1 >> (63 - filled_);
    behind_ = full ? next : behind_;
    word_ = full ? rest : word_;
    filled_ = (filled_ + n) & 63;
  }
  /// Appends `n` times the same bit.
  void repeat(bool bit, std::int64_t n) {
    for (; n > 0; n -= 64) append(bit ? low_mask(n) : 0, n < 64 ? n : 64);
  }
  /// Writes the rest; bits behind it keep their values.
  void finish() {
    word_ |= behind_ & ~low_mask(filled_);
    std::memcpy(to_, &word_, 8);
  }

 private:
  std::uint8_t* to_;
  std::uint64_t behind_;  // what was in the word at to_
  std::uint64_t word_;
  std::int64_t filled_;
};

}  // namespace tern::kernels::bitsliced
