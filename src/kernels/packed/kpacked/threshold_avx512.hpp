// threshold() and threshold_floats() of the two AVX-512 tables; internal linkage.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace {

void threshold(const std::int32_t* acc, std::int64_t pixels, const std::int32_t* thresholds, int levels,
               std::uint8_t* out, const std::int32_t* at, std::int64_t level_step) {
  for (int j = 0; j < levels; ++j) {
    const __m256i t = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(thresholds + 8 * j));
    std::uint8_t* to = out + j * level_step;
    for (std::int64_t i = 0; i < pixels; ++i) {
      const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(acc + 8 * i));
      to[at[i]] = static_cast<std::uint8_t>(_mm256_cmpge_epi32_mask(a, t));
    }
  }
}

void threshold_floats(const float* v, std::int64_t pixels, const float* thresholds, int levels, int bytes,
                      std::uint8_t* out, const std::int32_t* at, std::int64_t level_step) {
  const auto read = static_cast<__mmask16>(bytes > 1 ? 0xffff : 0xff);
  for (int j = 0; j < levels; ++j) {
    const __m512 t = _mm512_set1_ps(thresholds[j]);
    std::uint8_t* to = out + j * level_step;
    for (std::int64_t i = 0; i < pixels; ++i) {
      const unsigned mask = _mm512_cmp_ps_mask(_mm512_maskz_loadu_ps(read, v + 16 * i), t, _CMP_GE_OQ);
      to[at[i]] = static_cast<std::uint8_t>(mask);
      if (bytes > 1) to[at[i] + 1] = static_cast<std::uint8_t>(mask >> 8);
    }
  }
}

}  // namespace
