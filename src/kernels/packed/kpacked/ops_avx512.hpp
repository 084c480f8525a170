// AVX-512 without VPOPCNTDQ (Skylake-SP, Cascade Lake): counts by table look-up of nibbles.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/packed/kpacked/threshold_avx512.hpp"

namespace {

struct Ops {
  using V = __m512i;
  static constexpr int kLanes64 = 8, kTile = 4;
  static constexpr bool kBytes = true;
  static V load(const std::uint64_t* p) { return _mm512_load_si512(p); }
  static V broadcast(std::uint64_t w) { return _mm512_set1_epi64(static_cast<long long>(w)); }
  static V zero() { return _mm512_setzero_si512(); }
  static V add64(V a, V b) { return _mm512_add_epi64(a, b); }
  static V add8(V a, V b) { return _mm512_add_epi8(a, b); }
  // Truth table of nz & ~(x ^ s) for (x, s, nz): 1 at 001 and 111.
  static V match(V x, V s, V nz) { return _mm512_ternarylogic_epi64(x, s, nz, 0x82); }
  // (s ^ s >> 1) & 01.. is 0x28 at (s, s >> 1, 01..): 1 at 011 and 101; the last line is ~(a | b).
  static V agreeing(V s) {
    const V differ = _mm512_ternarylogic_epi64(s, _mm512_srli_epi64(s, 1), _mm512_set1_epi8(0x55), 0x28);
    const V other = _mm512_slli_epi64(differ, 1);
    return _mm512_ternarylogic_epi64(differ, other, other, 0x03);
  }
  static V count(V v) {
    const V table = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const V nibble = _mm512_set1_epi8(15);
    const V low = _mm512_shuffle_epi8(table, _mm512_and_si512(v, nibble));
    const V high = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble));
    return _mm512_add_epi8(low, high);
  }
  static V widen(V v) { return _mm512_sad_epu8(v, _mm512_setzero_si512()); }
  static void add_low(V v, int shift, std::int32_t* to) {
    auto* at = reinterpret_cast<__m256i*>(to);
    const __m256i low = _mm256_sll_epi32(_mm512_cvtepi64_epi32(v), _mm_cvtsi32_si128(shift));
    _mm256_storeu_si256(at, _mm256_add_epi32(_mm256_loadu_si256(at), low));
  }
};

}  // namespace
