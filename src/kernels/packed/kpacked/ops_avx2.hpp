#pragma once

#include <immintrin.h>

#include <cstdint>

namespace {

struct Ops {
  using V = __m256i;
  static constexpr int kLanes64 = 4, kTile = 2;
  static constexpr bool kBytes = true;
  static V load(const std::uint64_t* p) { return _mm256_load_si256(reinterpret_cast<const V*>(p)); }
  static V broadcast(std::uint64_t w) { return _mm256_set1_epi64x(static_cast<long long>(w)); }
  static V zero() { return _mm256_setzero_si256(); }
  static V add64(V a, V b) { return _mm256_add_epi64(a, b); }
  static V add8(V a, V b) { return _mm256_add_epi8(a, b); }
  static V match(V x, V s, V nz) { return _mm256_andnot_si256(_mm256_xor_si256(x, s), nz); }
  static V agreeing(V s) {
    const V differ = _mm256_and_si256(_mm256_xor_si256(s, _mm256_srli_epi64(s, 1)), _mm256_set1_epi8(0x55));
    return _mm256_xor_si256(_mm256_or_si256(differ, _mm256_slli_epi64(differ, 1)), _mm256_set1_epi8(-1));
  }
  static V count(V v) {
    const V table = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const V nibble = _mm256_set1_epi8(15);
    const V low = _mm256_shuffle_epi8(table, _mm256_and_si256(v, nibble));
    const V high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));
    return _mm256_add_epi8(low, high);
  }
  static V widen(V v) { return _mm256_sad_epu8(v, _mm256_setzero_si256()); }
  static void add_low(V v, int shift, std::int32_t* to) {
    auto* at = reinterpret_cast<__m128i*>(to);
    const V even = _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
    const __m128i low = _mm_sll_epi32(_mm256_castsi256_si128(even), _mm_cvtsi32_si128(shift));
    _mm_storeu_si128(at, _mm_add_epi32(_mm_loadu_si128(at), low));
  }
};

void threshold(const std::int32_t* acc, std::int64_t pixels, const std::int32_t* thresholds, int levels,
               std::uint8_t* out, const std::int32_t* at, std::int64_t level_step) {
  for (int j = 0; j < levels; ++j) {
    const __m256i t = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(thresholds + 8 * j));
    std::uint8_t* to = out + j * level_step;
    for (std::int64_t i = 0; i < pixels; ++i) {
      const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(acc + 8 * i));
      const int below = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(t, a)));
      to[at[i]] = static_cast<std::uint8_t>(~below);
    }
  }
}

void threshold_floats(const float* v, std::int64_t pixels, const float* thresholds, int levels, int bytes,
                      std::uint8_t* out, const std::int32_t* at, std::int64_t level_step) {
  for (int j = 0; j < levels; ++j) {
    const __m256 t = _mm256_set1_ps(thresholds[j]);
    std::uint8_t* to = out + j * level_step;
    for (std::int64_t i = 0; i < pixels; ++i) {
      for (int b = 0; b < bytes; ++b) {
        const __m256 x = _mm256_loadu_ps(v + 16 * i + 8 * b);
        to[at[i] + b] = static_cast<std::uint8_t>(_mm256_movemask_ps(_mm256_cmp_ps(x, t, _CMP_GE_OQ)));
      }
    }
  }
}

}  // namespace
