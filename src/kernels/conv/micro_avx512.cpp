// AVX-512F: 32 registers hold 14 pixels by 32 lanes, or 10 offsets by 32 lanes with 4 pixels in flight.
#include <immintrin.h>

#include "kernels/conv/micro.hpp"

namespace tern::kernels::conv {
namespace {

struct Vec {
  static constexpr int kWidth = 16, kTile = 14, kOuter = 10, kOuterUnroll = 4;
  static constexpr int kRowTile = 16, kRowOuter = 8;
  __m512 v;

  static Vec zero() { return {_mm512_setzero_ps()}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec broadcast(const float* p) { return {_mm512_set1_ps(*p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  static void transpose(Vec (&m)[16]);
  static void copy_short(const float* x, i64 ld_x, i64 rows, i64 n, float* y, i64 ld_y) {
    const __mmask16 mask = low_bits(n);
    for (i64 r = 0; r < rows; ++r) _mm512_mask_storeu_ps(y + r * ld_y, mask, _mm512_maskz_loadu_ps(mask, x + r * ld_x));
  }
  // 16 even elements out of 32; the odd one after the last is never read, it may lie behind the tensor.
  static void copy_even(const float* x, i64 ld_x, i64 rows, i64 n, float* y, i64 ld_y) {
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    for (i64 i = 0; i < n; i += 16) {
      const i64 count = n - i < 16 ? n - i : 16;
      const __mmask16 first = low_bits(2 * count - 1), second = low_bits(2 * count - 17), mask = low_bits(count);
      for (i64 r = 0; r < rows; ++r) {
        const float* from = x + r * ld_x + 2 * i;
        const __m512 a = _mm512_maskz_loadu_ps(first, from), b = _mm512_maskz_loadu_ps(second, from + 16);
        _mm512_mask_storeu_ps(y + r * ld_y + i, mask, _mm512_permutex2var_ps(a, even, b));
      }
    }
  }
  static __mmask16 low_bits(i64 n) {
    return static_cast<__mmask16>(n <= 0 ? 0u : n >= 16 ? 0xffffu : (1u << n) - 1u);
  }
};
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }

// Pairs, then quadruples inside 128-bit lanes, then the lanes themselves in two exchanges.
inline void Vec::transpose(Vec (&m)[16]) {
  __m512 a[16], b[16];
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_ps(m[i].v, m[i + 1].v);
    a[i + 1] = _mm512_unpackhi_ps(m[i].v, m[i + 1].v);
  }
  for (int i = 0; i < 16; i += 4) {
    b[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
    b[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xee);
    b[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
    b[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    a[i] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0x88);
    a[i + 4] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0xdd);
    a[i + 8] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0x88);
    a[i + 12] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    m[i].v = _mm512_shuffle_f32x4(a[i], a[i + 8], 0x88);
    m[i + 8].v = _mm512_shuffle_f32x4(a[i], a[i + 8], 0xdd);
    m[i + 4].v = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0x88);
    m[i + 12].v = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0xdd);
  }
}

#include "kernels/conv/micro_impl.hpp"

constexpr Micro kMicro = make_micro("avx512");

}  // namespace
const Micro* micro_avx512() { return &kMicro; }
}  // namespace tern::kernels::conv
