#pragma once

#include <immintrin.h>

#include <cstdint>

namespace {

struct Ops {
  using V = __m256i;
  using Half = void;
  static V load(const std::uint8_t* p) { return _mm256_load_si256(reinterpret_cast<const V*>(p)); }
  static void store(std::uint8_t* p, V v) { _mm256_storeu_si256(reinterpret_cast<V*>(p), v); }
  static V splat(std::uint64_t w) { return _mm256_set1_epi64x(static_cast<long long>(w)); }
  static V splat_half(std::uint32_t w) { return _mm256_set1_epi32(static_cast<int>(w)); }
  static V zero() { return _mm256_setzero_si256(); }
  static V ones() { return _mm256_set1_epi64x(-1); }
  static V exclusive_or(V a, V b) { return _mm256_xor_si256(a, b); }

  static V load_any(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const V*>(p)); }
  static V invert(V v) { return _mm256_xor_si256(v, ones()); }

  static void add(V& a, V& b, V c) {
    const V differ = _mm256_xor_si256(a, b);
    b = _mm256_or_si256(_mm256_and_si256(differ, c), _mm256_and_si256(a, b));
    a = _mm256_xor_si256(differ, c);
  }
  static void add_inverse(V& a, V& b, V c) { add(a, b, invert(c)); }
  static void half(V& a, V& b) {
    const V sum = _mm256_xor_si256(a, b);
    b = _mm256_and_si256(a, b);
    a = sum;
  }
  static V at_least(V s, V g, V t) {  // majority(s, g, ~t)
    return _mm256_or_si256(_mm256_and_si256(s, g), _mm256_andnot_si256(t, _mm256_or_si256(s, g)));
  }
  static V choose(V m, V a, V b) { return _mm256_or_si256(_mm256_and_si256(m, a), _mm256_andnot_si256(m, b)); }
  static V shift_in(V low, V high, int n) {
    return _mm256_or_si256(_mm256_srl_epi64(low, _mm_cvtsi32_si128(n)),
                           _mm256_sll_epi64(high, _mm_cvtsi32_si128(64 - n)));
  }
};

}  // namespace
