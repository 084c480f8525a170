// AVX2 with FMA: 16 registers hold 6 pixels by 16 lanes, or 5 offsets by 16 lanes with 2 pixels in flight.
#pragma once

#include <immintrin.h>

#include "kernels/float/conv/micro.hpp"

namespace tern::kernels::conv {
namespace {

struct Vec {
  static constexpr int kWidth = 8, kTile = 6, kOuter = 5, kOuterUnroll = 2;
  static constexpr int kRowTile = 12, kRowOuter = 4;
  __m256 v;

  static Vec zero() { return {_mm256_setzero_ps()}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vec broadcast(const float* p) { return {_mm256_broadcast_ss(p)}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  static void transpose(Vec (&m)[8]);
};
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }

inline void Vec::transpose(Vec (&m)[8]) {
  __m256 a[8], b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_ps(m[i].v, m[i + 1].v);
    a[i + 1] = _mm256_unpackhi_ps(m[i].v, m[i + 1].v);
  }
  for (int i = 0; i < 8; i += 4) {
    b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
    b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
    b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
    b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    m[i].v = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
    m[i + 4].v = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
  }
}

#include "kernels/float/conv/copy_planes_impl.hpp"

void copy_planes(const float* x, float* y, const PlaneCopy& copy) { copy_planes_generic(x, y, copy); }

}  // namespace
}  // namespace tern::kernels::conv
