// Planes as long rows. A plane of x with a border around it is one row of pixels, in which every tap of a filter or a
// window is a shift; a stride splits it into as many planes (phases) first, each contiguous. The few results between
// two rows are computed and thrown away.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/float/conv/conv.hpp"
#include "kernels/float/conv/lanes.hpp"

namespace tern::kernels::conv {

/// Elements v = 0 .. extent - 1 of a phase that lie within n pixels, as pixel v * stride + b - pad.
struct Range {
  i64 begin, end;
};
inline Range inside(i64 n, i64 pad, i64 stride, i64 b, i64 extent) {
  const i64 begin = std::min(extent, std::max<i64>(0, ceil_div(pad - b, stride)));
  return {begin, std::clamp(ceil_div(n + pad - b, stride), begin, extent)};
}

/// Rows of `cols` numbers to rows of `pitch`, with `border` between.
template <class T>
void spread_rows(const T* from, i64 rows, i64 cols, T border, T* to, i64 pitch) {
  for (i64 i = 0; i < rows; ++i, from += cols, to += pitch) {
    std::copy_n(from, cols, to);
    std::fill_n(to + cols, pitch - cols, border);
  }
}

/// What the taps read: phase (a, b) has the rows a, a + stride_h, .. and columns b, b + stride_w, .. of the padded
/// plane. Result (i, j) is number i * pitch + j, tap t of it lies taps[t] further on.
struct Phases {
  const ConvShape& s;
  i64 p, q;         ///< extents of the results
  i64 rows, pitch;  ///< of a phase
  std::vector<i32> taps;
  i64 run;  ///< results, with those between the rows

  explicit Phases(const ConvShape& shape) : s(shape), p(s.out_height()), q(s.out_width()) {
    rows = p + (s.kernel_h - 1) * s.dilation_h / s.stride_h;
    pitch = q + (s.kernel_w - 1) * s.dilation_w / s.stride_w;
    for (i64 t = 0; t < s.kernel_h * s.kernel_w; ++t) {
      const i64 y = t / s.kernel_w * s.dilation_h, x = t % s.kernel_w * s.dilation_w;
      const i64 phase = y % s.stride_h * s.stride_w + x % s.stride_w;
      taps.push_back(static_cast<i32>((phase * rows + y / s.stride_h) * pitch + x / s.stride_w));
    }
    run = (p - 1) * pitch + q;
  }
  i64 floats() const { return s.stride_h * s.stride_w * rows * pitch; }

  void fill(const float* x, float border, float* out) const {
    for (i64 a = 0; a < s.stride_h; ++a) {
      const Range h = inside(s.height, s.pad_h, s.stride_h, a, rows);
      for (i64 b = 0; b < s.stride_w; ++b) {
        const Range w = inside(s.width, s.pad_w, s.stride_w, b, pitch);
        std::fill_n(out, h.begin * pitch, border);
        for (i64 u = h.begin; u < h.end; ++u) {
          float* row = out + u * pitch;
          const float* from = x + (u * s.stride_h + a - s.pad_h) * s.width + b - s.pad_w;
          std::fill_n(row, w.begin, border);
          if (s.stride_w == 1)
            std::copy_n(from + w.begin, w.end - w.begin, row + w.begin);
          else
            for (i64 v = w.begin; v < w.end; ++v) row[v] = from[v * s.stride_w];
          std::fill_n(row + w.end, pitch - w.end, border);
        }
        std::fill_n(out + h.end * pitch, (rows - h.end) * pitch, border);
        out += rows * pitch;
      }
    }
  }
};

/// The way back: pixel (u, v) of a phase of dx takes from results (u - row of the tap, v - column of the tap), tap by
/// tap. Pixel (u, v) is number u * pitch + v, and tap which[t] of it reads result plane and border `taps[t]` further
/// on.
struct GradientPhases {
  struct Phase {
    i64 a, b;
    std::vector<i32> taps;
    std::vector<i64> which;
  };
  const ConvShape& s;
  i64 p, q, above, left, rows, pitch, front;
  std::vector<Phase> phases;  ///< those with taps; no result reads the pixels of the others

  explicit GradientPhases(const ConvShape& shape) : s(shape), p(s.out_height()), q(s.out_width()) {
    above = (s.kernel_h - 1) * s.dilation_h / s.stride_h;
    left = (s.kernel_w - 1) * s.dilation_w / s.stride_w;
    rows = p + above;
    pitch = q + left;
    front = above * pitch + left;
    for (i64 a = 0; a < s.stride_h; ++a) {
      for (i64 b = 0; b < s.stride_w; ++b) {
        Phase f{a, b, {}, {}};
        for (i64 t = 0; t < s.kernel_h * s.kernel_w; ++t) {
          const i64 i = t / s.kernel_w * s.dilation_h, j = t % s.kernel_w * s.dilation_w;
          if (i % s.stride_h != a || j % s.stride_w != b) continue;
          f.taps.push_back(static_cast<i32>(front - i / s.stride_h * pitch - j / s.stride_w));
          f.which.push_back(t);
        }
        if (!f.which.empty()) phases.push_back(std::move(f));
      }
    }
  }
  i64 floats() const { return front + rows * pitch; }

  /// A plane of results with `border` around, and `slack` elements more.
  template <class T>
  void fill(const T* results, T border, T* out, i64 slack) const {
    std::fill_n(out, front, border);
    spread_rows(results, p, q, border, out + front, pitch);
    std::fill_n(out + front + p * pitch, above * pitch + slack, border);
  }
  /// A phase of dx to its place. Pixels that no phase covers keep their value.
  void gather(const Phase& f, const float* from, float* dx) const {
    const Range h = inside(s.height, s.pad_h, s.stride_h, f.a, rows),
                w = inside(s.width, s.pad_w, s.stride_w, f.b, pitch);
    for (i64 u = h.begin; u < h.end; ++u) {
      const float* row = from + u * pitch;
      float* to = dx + (u * s.stride_h + f.a - s.pad_h) * s.width + f.b - s.pad_w;
      if (s.stride_w == 1)
        std::copy_n(row + w.begin, w.end - w.begin, to + w.begin);
      else
        for (i64 v = w.begin; v < w.end; ++v) to[v * s.stride_w] = row[v];
    }
  }
};

}  // namespace tern::kernels::conv
