#include "kernels/packed/float_pool.hpp"

#include <algorithm>
#include <cstring>

namespace tern::kernels {
namespace {

using i64 = std::int64_t;

typedef float Four __attribute__((vector_size(16)));

// p[0], p[stride], p[2 stride], p[3 stride]; with stride 2 it reads p[7] too.
template <int stride>
Four load(const float* p) {
  Four a, b;
  std::memcpy(&a, p, sizeof a);
  if constexpr (stride == 1) return a;
  std::memcpy(&b, p + 4, sizeof b);
  return __builtin_shufflevector(a, b, 0, 2, 4, 6);
}

// The rows of the image that a row of windows lies on.
struct Rows {
  const float* first;
  i64 count, width, kernel;
};

// `fours` times 4 windows whose upper left pixels begin at column `left`.
template <int stride, int fours>
void block(const Rows& rows, i64 left, float* y) {
  Four best[fours];
#pragma GCC unroll 4
  for (int f = 0; f < fours; ++f) best[f] = load<stride>(rows.first + left + 4 * f * stride);
  for (i64 i = 0; i < rows.count; ++i) {
    for (i64 k = 0; k < rows.kernel; ++k) {
      const float* from = rows.first + i * rows.width + left + k;
#pragma GCC unroll 4
      for (int f = 0; f < fours; ++f) {
        const Four x = load<stride>(from + 4 * f * stride);
        best[f] = best[f] < x ? x : best[f];
      }
    }
  }
#pragma GCC unroll 4
  for (int f = 0; f < fours; ++f) std::memcpy(y + 4 * f, &best[f], sizeof(Four));
}

// As many of `count` windows as vectors hold.
template <int stride>
i64 vectors(const Rows& rows, i64 left, i64 count, float* y) {
  constexpr int kFours = 4;
  count -= stride - 1;  // load() reads a pixel too many, which the next window has
  i64 at = 0;
  for (; at + 4 * kFours <= count; at += 4 * kFours) block<stride, kFours>(rows, left + at * stride, y + at);
  for (; at + 4 <= count; at += 4) block<stride, 1>(rows, left + at * stride, y + at);
  return at;
}

}  // namespace

void max_pool_plane(const PoolShape& d, const float* x, float* y) {
  const i64 cols = d.out_width();
  // Windows begin .. end - 1 lie inside the image from left to right.
  const i64 begin = std::min(cols, (d.pad + d.stride - 1) / d.stride);
  const i64 end = std::clamp(d.width + d.pad < d.kernel ? 0 : (d.width + d.pad - d.kernel) / d.stride + 1, begin, cols);
  for (i64 p = 0; p < d.out_height(); ++p, y += cols) {
    const i64 top = std::max<i64>(p * d.stride - d.pad, 0),
              bottom = std::min(p * d.stride - d.pad + d.kernel, d.height);
    const auto clipped = [&](i64 q) {
      const i64 left = std::max<i64>(q * d.stride - d.pad, 0),
                right = std::min(q * d.stride - d.pad + d.kernel, d.width);
      float best = x[top * d.width + left];
      for (i64 i = top; i < bottom; ++i) {
        for (i64 j = left; j < right; ++j) best = std::max(best, x[i * d.width + j]);
      }
      y[q] = best;
    };
    for (i64 q = 0; q < begin; ++q) clipped(q);
    for (i64 q = end; q < cols; ++q) clipped(q);
    const Rows rows{x + top * d.width, bottom - top, d.width, d.kernel};
    const i64 left = begin * d.stride - d.pad, count = end - begin;
    i64 done = 0;
    if (d.stride == 1) done = vectors<1>(rows, left, count, y + begin);
    if (d.stride == 2) done = vectors<2>(rows, left, count, y + begin);
    for (i64 q = begin + done; q < end; ++q) clipped(q);
  }
}

}  // namespace tern::kernels
