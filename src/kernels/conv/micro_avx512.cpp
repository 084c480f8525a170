// AVX-512F: 32 registers hold 14 pixels by 32 lanes, or 10 offsets by 32 lanes with 4 pixels in flight.
#include <immintrin.h>

#include "kernels/conv/micro.hpp"

namespace tern::kernels::conv {
namespace {

struct Vec {
  static constexpr int kWidth = 16, kTile = 14, kOuter = 10, kOuterUnroll = 4;
  __m512 v;

  static Vec zero() { return {_mm512_setzero_ps()}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec broadcast(const float* p) { return {_mm512_set1_ps(*p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  static void transpose(Vec (&m)[16]);
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
