// NEON on 64-bit ARM: 32 registers hold 8 pixels by 8 lanes (more, and GCC spills), or 10 offsets by 8 lanes with 4
// pixels in flight.
#pragma once

#include <arm_neon.h>

#include "kernels/float/conv/micro.hpp"

namespace tern::kernels::conv {
namespace {

struct Vec {
  static constexpr int kWidth = 4, kTile = 8, kOuter = 10, kOuterUnroll = 4;
  static constexpr int kRowTile = 16, kRowOuter = 8;
  float32x4_t v;

  static Vec zero() { return {vdupq_n_f32(0.0f)}; }
  static Vec load(const float* p) { return {vld1q_f32(p)}; }
  static Vec broadcast(const float* p) { return {vld1q_dup_f32(p)}; }
  void store(float* p) const { vst1q_f32(p, v); }
  static void transpose(Vec (&m)[4]);
};
inline Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline Vec add(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }

inline void Vec::transpose(Vec (&m)[4]) {
  const float32x4_t a = vtrn1q_f32(m[0].v, m[1].v), b = vtrn2q_f32(m[0].v, m[1].v);
  const float32x4_t c = vtrn1q_f32(m[2].v, m[3].v), d = vtrn2q_f32(m[2].v, m[3].v);
  m[0].v = vcombine_f32(vget_low_f32(a), vget_low_f32(c));
  m[1].v = vcombine_f32(vget_low_f32(b), vget_low_f32(d));
  m[2].v = vcombine_f32(vget_high_f32(a), vget_high_f32(c));
  m[3].v = vcombine_f32(vget_high_f32(b), vget_high_f32(d));
}

#include "kernels/float/conv/copy_planes_impl.hpp"

void copy_planes(const float* x, float* y, const PlaneCopy& copy) { copy_planes_generic(x, y, copy); }

}  // namespace
}  // namespace tern::kernels::conv
