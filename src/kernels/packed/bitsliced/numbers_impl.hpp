// From bits to numbers and back, 64 positions at a time: planes of binary digits to integers, floats to what thresholds
// they reach.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "kernels/packed/bitsliced/micro.hpp"

namespace tern::kernels::bitsliced {
namespace {

// Up to 16 digits.
struct Digits {
  const std::uint8_t* stream;
  std::int64_t plane_bytes;
  int planes;
  std::uint64_t word(int k) const {
    std::uint64_t w;
    std::memcpy(&w, stream + k * plane_bytes, sizeof w);
    return w;
  }
};

#if defined(__AVX512BW__)

// A word of bits is a mask as it is: where it is set, its power of two is added.
void read_digits(const Digits& digits, std::uint16_t* numbers) {
  __m512i low = _mm512_setzero_si512(), high = low, power = _mm512_set1_epi16(1);
  for (int k = 0; k < digits.planes; ++k) {
    const std::uint64_t word = digits.word(k);
    low = _mm512_mask_add_epi16(low, static_cast<__mmask32>(word), low, power);
    high = _mm512_mask_add_epi16(high, static_cast<__mmask32>(word >> 32), high, power);
    power = _mm512_add_epi16(power, power);
  }
  _mm512_storeu_si512(numbers, low);
  _mm512_storeu_si512(numbers + 32, high);
}

#else

typedef std::uint64_t Words __attribute__((vector_size(16)));
typedef std::uint8_t Bytes __attribute__((vector_size(16)));
typedef std::uint16_t Eight __attribute__((vector_size(16)));

// Exchanges the bits of a above each other `kShift` with those of b below.
template <int kShift>
inline void exchange(Words& a, Words& b, std::uint64_t low) {
  const Words differ = ((a >> kShift) ^ b) & low;
  b ^= differ;
  a ^= differ << kShift;
}

// 8x8 blocks of bits, transposed, eight at a time: word k of eight has digit k of all positions, and gets byte after
// byte all digits of positions k, 8 + k, 16 + k ..; the other half of the vector has the digits from 8 on. Then 8x8
// numbers, transposed.
void read_digits(const Digits& digits, std::uint16_t* numbers) {
  Words w[8];
  for (int k = 0; k < 8; ++k)
    w[k] = Words{k < digits.planes ? digits.word(k) : 0, k + 8 < digits.planes ? digits.word(k + 8) : 0};
  for (int k = 0; k < 4; ++k) exchange<4>(w[k], w[k + 4], 0x0f0f0f0f0f0f0f0f);
  for (int k = 0; k < 6; k += k == 1 ? 3 : 1) exchange<2>(w[k], w[k + 2], 0x3333333333333333);
  for (int k = 0; k < 8; k += 2) exchange<1>(w[k], w[k + 1], 0x5555555555555555);
  Eight n[8], m[8];
  for (int k = 0; k < 8; ++k) {
    const auto b = (Bytes)w[k];
    n[k] = (Eight)__builtin_shufflevector(b, b, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
  }
  for (int round = 0; round < 3; ++round) {  // row k and row k + 4, their elements in turn
    for (int k = 0; k < 4; ++k) {
      m[2 * k] = __builtin_shufflevector(n[k], n[k + 4], 0, 8, 1, 9, 2, 10, 3, 11);
      m[2 * k + 1] = __builtin_shufflevector(n[k], n[k + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    for (int k = 0; k < 8; ++k) n[k] = m[k];
  }
  std::memcpy(numbers, n, sizeof n);
}

#endif

void read_numbers(const NumbersTask& task) {
  alignas(64) std::uint16_t low[64], high[64];
  const Digits digits{task.stream + (task.bit >> 3), task.plane_bytes, task.planes};
  read_digits({digits.stream, digits.plane_bytes, digits.planes < 16 ? digits.planes : 16}, low);
  for (int i = 0; i < 64; ++i) task.out[i] = task.lowest + low[i];
  if (task.planes <= 16) return;
  read_digits({digits.stream + 16 * digits.plane_bytes, digits.plane_bytes, digits.planes - 16}, high);
  for (int i = 0; i < 64; ++i) task.out[i] += high[i] << 16;
}

#if defined(__AVX512F__)
inline std::uint64_t reached_by(const float* row, float threshold) {
  std::uint64_t bits = 0;
  for (int i = 0; i < 4; ++i) {
    bits |= std::uint64_t{_mm512_cmp_ps_mask(_mm512_loadu_ps(row + 16 * i), _mm512_set1_ps(threshold), _CMP_GE_OQ)}
            << (16 * i);
  }
  return bits;
}
#elif defined(__AVX2__)
inline std::uint64_t reached_by(const float* row, float threshold) {
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) {
    const __m256 reached = _mm256_cmp_ps(_mm256_loadu_ps(row + 8 * i), _mm256_set1_ps(threshold), _CMP_GE_OQ);
    bits |= static_cast<std::uint64_t>(static_cast<unsigned>(_mm256_movemask_ps(reached))) << (8 * i);
  }
  return bits;
}
#else
// Eight at a time: each keeps its own bit, and the sum has them all.
inline std::uint64_t reached_by(const float* row, float threshold) {
  typedef float Four __attribute__((vector_size(16)));
  typedef std::uint32_t Bits __attribute__((vector_size(16)));
  constexpr Bits kLow = {1, 2, 4, 8}, kHigh = {16, 32, 64, 128};
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) {
    Four low, high;
    std::memcpy(&low, row + 8 * i, sizeof low);
    std::memcpy(&high, row + 8 * i + 4, sizeof high);
    const Bits reached = ((Bits)(low >= threshold) & kLow) | ((Bits)(high >= threshold) & kHigh);
    bits |= static_cast<std::uint64_t>(reached[0] | reached[1] | reached[2] | reached[3]) << (8 * i);
  }
  return bits;
}
#endif

void compare_row(const float* row, const float* thresholds, int levels, std::uint64_t* reached) {
  for (int j = 0; j < levels; ++j) reached[j] = reached_by(row, thresholds[j]);
}

}  // namespace
}  // namespace tern::kernels::bitsliced
