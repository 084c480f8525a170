// AVX-512F: 32 registers hold 14 pixels by 32 lanes, or 10 offsets by 32 lanes with 4 pixels in flight.
#pragma once

#include <immintrin.h>

#include "kernels/float/conv/micro.hpp"

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
};
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }

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

#include "kernels/float/conv/copy_planes_impl.hpp"

// Lanes 0 .. 15 of a block that starts at element `at`: those that are elements of [0, n).
inline __mmask16 lanes_inside(i64 at, i64 n) {
  const unsigned from_low = at >= 0 ? 0xffffu : at <= -16 ? 0u : 0xffffu << -at;
  const i64 end = n - at;
  const unsigned below = end >= 16 ? 0xffffu : end <= 0 ? 0u : (1u << end) - 1u;
  return static_cast<__mmask16>(from_low & below);
}

// Margins are lanes masked out of a load; nothing outside a row's n elements is read. Stores are whole and aligned: one
// that crosses a cache line costs several that do not.
void copy_column(const float* x, float* y, const PlaneCopy& c, i64 column) {
  const i64 at = (column - c.left) * c.stride, span = c.n > 0 ? (c.n - 1) * c.stride + 1 : 0;
  const __mmask16 first = lanes_inside(at, span), second = lanes_inside(at + 16, span);
  const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  for (i64 plane = 0; plane < c.planes; ++plane) {
    if (column == 0) prefetch_plane(x, c, plane);
    const float* from = x + plane * c.x_plane + at;
    float* to = y + plane * c.y_plane + column;
    for (i64 r = 0; r < c.top; ++r, to += c.cols) _mm512_store_ps(to, _mm512_setzero_ps());
    for (i64 r = 0; r < c.rows; ++r, from += c.x_row, to += c.cols) {
      __m512 v = _mm512_maskz_loadu_ps(first, from);
      if (c.stride == 2) v = _mm512_permutex2var_ps(v, even, _mm512_maskz_loadu_ps(second, from + 16));
      _mm512_store_ps(to, v);
    }
    for (i64 r = 0; r < c.bottom; ++r, to += c.cols) _mm512_store_ps(to, _mm512_setzero_ps());
  }
}

void copy_planes(const float* x, float* y, const PlaneCopy& c) {
  if (c.stride > 2) {
    copy_planes_generic(x, y, c);
    return;
  }
  for (i64 column = 0; column < c.cols; column += 16) copy_column(x, y, c, column);
}

}  // namespace
}  // namespace tern::kernels::conv
