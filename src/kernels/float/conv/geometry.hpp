// Where each filter tap reads: strides, padding and dilation of both directions turned into shifts on stride-1 planes.
//
// Forward, one axis: output p reads x[p*stride - pad + r*dilation]. Write r*dilation - pad = a*stride + b with
// 0 <= b < stride: the tap reads element p + a of the b-th phase plane x_b[i] = x[i*stride + b]. One grid of outputs.
//
// Backward: dx[h] sums w[r] dy[p] over p*stride = h + pad - r*dilation. For the h = i*stride + b of one phase,
// exactly the taps with (b + pad - r*dilation) divisible by the stride take part, and read dy[i + a], a = (b + pad -
// r*dilation) / stride: `stride` grids of outputs, one plane.
//
// Planes are copied with a margin of zeros, so that no tap needs a bounds check.
#pragma once

#include <array>
#include <vector>

#include "kernels/float/conv/conv.hpp"
#include "kernels/float/conv/micro.hpp"

namespace tern::kernels::conv {

/// Tap `index` of the filter reads plane `plane` at output position + `shift`.
struct Tap {
  i64 index, plane, shift;
};

/// Output positions first, first + step, ... (`count` of them) of one axis, and the taps that reach them.
struct AxisGrid {
  i64 first, step, count;
  std::vector<Tap> taps;
};

struct AxisPlan {
  i64 source = 0, result = 0;  ///< extents of what is read and of what is written
  i64 stride = 1;              ///< element i of phase plane b is source element (i + lo) * stride + b
  i64 lo = 0;
  i64 reach = 0;    ///< planes are `reach` longer than the grids they serve
  i64 longest = 0;  ///< largest count of a grid
  std::vector<i64> phases;
  std::vector<AxisGrid> grids;
};

AxisPlan plan_forward(i64 in, i64 out, i64 kernel, i64 stride, i64 pad, i64 dilation);
AxisPlan plan_backward(i64 in, i64 out, i64 kernel, i64 stride, i64 pad, i64 dilation);

/// Both axes, and the layout of a block of planes in scratch: [image][channel][phase h][phase w][rows][cols].
struct Plan {
  AxisPlan h, w;
  i64 channels = 0;
  i64 band = 0;  ///< grid rows that a block of planes serves
  i64 rows = 0, cols = 0;
  i64 plane = 0, channel = 0, image = 0;  ///< floats
  bool in_place = false;                  ///< the source itself is laid out like that: nothing to copy

  i64 phases() const { return static_cast<i64>(h.phases.size() * w.phases.size()); }
};

/// Lays out planes for `band` grid rows, their columns rounded up to whole vectors of `width`. in_place is found out.
void lay_out(Plan& plan, i64 channels, i64 band, i64 width);

/// Copies the planes that grid rows [row0, row0 + band) of one image read.
void copy_planes(const Plan& plan, const Micro& micro, const float* source, i64 row0, float* planes);

/// Offsets of (channel, tap) pairs, channel outermost, for one pair of grids; and each tap's index r*S + s.
struct TapTable {
  std::vector<i32> offsets;
  std::vector<i64> taps;
  bool natural = false;  ///< taps are 0, 1, 2 ... of the filter, all of them
  bool rows3 = false;    ///< offsets come in threes that differ by one: row kernels apply
};
TapTable make_table(const Plan& plan, const AxisGrid& gh, const AxisGrid& gw, i64 kernel_h, i64 kernel_w);

}  // namespace tern::kernels::conv
