// Any CPU: four lanes in plain C++, which compilers turn into whatever vectors the baseline has. Multiplies and adds
// round separately, so results differ from the FMA kernels' in the last bits.
#pragma once

#include "kernels/float/conv/micro.hpp"

namespace tern::kernels::conv {
namespace {

struct Vec {
  static constexpr int kWidth = 4, kTile = 5, kOuter = 5, kOuterUnroll = 1;
  static constexpr int kRowTile = 10, kRowOuter = 3;
  typedef float V4 __attribute__((vector_size(16)));
  V4 v;

  static Vec zero() { return {V4{}}; }
  static Vec load(const float* p) { return {V4{p[0], p[1], p[2], p[3]}}; }
  static Vec broadcast(const float* p) { return {V4{*p, *p, *p, *p}}; }
  void store(float* p) const {
    for (int i = 0; i < 4; ++i) p[i] = v[i];
  }
  static void transpose(Vec (&m)[4]) {
    Vec t[4];
    for (int i = 0; i < 4; ++i) t[i].v = V4{m[0].v[i], m[1].v[i], m[2].v[i], m[3].v[i]};
    for (int i = 0; i < 4; ++i) m[i] = t[i];
  }
};
inline Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
inline Vec add(Vec a, Vec b) { return {a.v + b.v}; }
inline Vec sub(Vec a, Vec b) { return {a.v - b.v}; }

#include "kernels/float/conv/copy_planes_impl.hpp"

void copy_planes(const float* x, float* y, const PlaneCopy& copy) { copy_planes_generic(x, y, copy); }

}  // namespace
}  // namespace tern::kernels::conv
