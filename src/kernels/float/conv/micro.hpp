// The register-blocked inner loops of fp32 convolution and matrix product, one body an instruction set.
//
// Vector lanes are always output channels ("lanes"): filters are packed [K][lanes], and the other operand is
// broadcast one scalar at a time through a table of offsets. So any kernel, stride, dilation, or packed matrix is the
// same loop with another table, odd image widths waste no lane, and no im2col matrix is ever written.
//
//   tile      out[t][lane]    (+)= sum_k x[off[k] + t] * w[k][lane]            forward, backward-data, matrix product
//   outer     acc[j][lane]    (+)= sum_pixels x[off[j] + pixel] * dy[pixel][lane]                 backward-weights
//
// A block is `width` or 2 * `width` lanes wide ("narrow", "wide"): index 0 or 1 of the tables.
//
// In a narrow block every broadcast scalar would serve a single multiplication, and loads would be the limit. Where
// three neighbouring taps of a filter row read neighbouring pixels, `row` kernels use each scalar three times:
//
//   row_tile   out[t][lane]      (+)= sum_j sum_{s<3} x[off[3j] + t + s] * w[3j+s][lane]
//   row_outer  acc[3j+s][lane]   (+)= sum_pixels x[off[3j] + pixel + s] * dy[pixel][lane]
//                                   = sum_i x[off[3j] + i] * dy[i - s][lane], two zero pixels around each row of dy
#pragma once

#include <cstdint>

#include "kernels/isa.hpp"

namespace tern::kernels::conv {

using i64 = std::int64_t;
using i32 = std::int32_t;

/// Largest number of pixels that any `tile`, and of offsets that any `outer`, takes; the tables of an instruction
/// set may end earlier.
inline constexpr int kMaxTile = 16;
inline constexpr int kMaxOuter = 12;
inline constexpr int kMaxRowTile = 16;
inline constexpr int kMaxRowOuter = 8;
/// Zero pixels that row_outer wants before the first row of dy, between rows, and after the last.
inline constexpr int kRowMargin = 2;

/// `ld_out`: floats between the results of pixel t and t + 1. accumulate: add to what out holds.
using TileFn = void (*)(const float* x, const i32* off, i64 k, const float* w, float* out, i64 ld_out, bool accumulate);

/// The pixels of a block of images: `images` times `rows` times `cols`, contiguous in dy, strided in x.
struct PixelBlock {
  i64 images, rows, cols;
  i64 x_image, x_row;  ///< floats between images and rows of x
};
/// acc is [j][lanes], contiguous.
using OuterFn = void (*)(const float* x, const i32* off, const float* dy, const PixelBlock& pixels, float* acc,
                         bool accumulate);

/// Planes of contiguous rows: `top` rows of zeros, `rows` rows of `left` zeros, n elements of x that lie `stride`
/// apart, and zeros up to `cols`, a multiple of `width`; then `bottom` rows of zeros. y is aligned to a vector.
struct PlaneCopy {
  i64 planes, x_plane, y_plane;  ///< how many, and the floats between them
  i64 top, rows, bottom;
  i64 left, n, cols;
  i64 x_row, stride;
  i64 ahead;  ///< planes to ask memory for before they are needed; 0: none
};

/// One instruction set's kernels.
struct Micro {
  const char* name;
  int width;        ///< lanes of a narrow block
  int max_tile[2];  ///< tile[i][1 .. max_tile[i]] exist
  int max_outer;
  int max_row_tile;
  int max_row_outer;  ///< counts j's: three offsets each
  TileFn tile[2][kMaxTile + 1];
  OuterFn outer[2][kMaxOuter + 1];
  TileFn row_tile[kMaxRowTile + 1];  ///< narrow blocks only; k a multiple of 3
  OuterFn row_outer[kMaxRowOuter + 1];
  /// y[c][p] = x[p][c] + bias[c] for c < channels, p < pixels; bias may be null. x rows are `ld_x` floats apart (a
  /// block's lanes: readable up to the block's end), y rows `ld_y`.
  void (*to_planes)(const float* x, i64 ld_x, i64 pixels, i64 channels, const float* bias, float* y, i64 ld_y);
  void (*copy_planes)(const float* x, float* y, const PlaneCopy& copy);
  /// y[j] = start + sum_t w[t] x[off[t] + j], j < n; x is readable and y writable up to a multiple of `width`.
  void (*shifted_sum)(const float* x, const i32* off, const float* w, i64 taps, float start, i64 n, float* y);
  /// sums[t] = sum_j x[off[t] + j] dy[j], j < n; x is finite and dy zero from there up to a multiple of `width`.
  void (*shifted_dots)(const float* x, const i32* off, i64 taps, const float* dy, i64 n, float* sums);
  /// y[j] = max_t x[off[t] + j], j < n, and in winner[j] the first t that has it; NaN wins, and the last one is named.
  /// Where everything is -inf, winner[j] = 255. x is readable, y and winner are writable up to a multiple of `width`.
  void (*shifted_max)(const float* x, const i32* off, i64 taps, i64 n, float* y, unsigned char* winner);
  /// dx[j] = sum_t (winner[off[t] + j] == which[t] ? dy[off[t] + j] : 0), j < n; readable and writable as above.
  void (*shifted_pick)(const float* dy, const unsigned char* winner, const i32* off, const i64* which, i64 taps, i64 n,
                       float* dx);
  /// The transforms of winograd.cpp, where they are derived. Points xi = 0 .. 15 lie `ld` floats apart.
  /// v[xi][row * tile_cols + col] from a channel's even and odd columns, 2 tile_rows + 2 rows of `cols` floats each.
  void (*winograd_input)(const float* even, const float* odd, i64 cols, i64 tile_rows, i64 tile_cols, float* v, i64 ld);
  /// u[xi][k][lanes] from filters g[k][9][lanes].
  void (*winograd_filters)(const float* g, i64 k, i64 lanes, float* u, i64 ld);
  /// y[row][col][lanes], rows x cols, from m[xi][tile][lanes]; tiles in rows of (cols + 1) / 2.
  void (*winograd_output)(const float* m, i64 ld, i64 lanes, i64 rows, i64 cols, float* y);
  /// Its adjoint: m[xi][tile][lanes] from dy[row][col][lanes].
  void (*winograd_output_gradient)(const float* dy, i64 lanes, i64 rows, i64 cols, float* m, i64 ld);
  /// The adjoint of winograd_filters: dg[k][9][lanes] from du[xi][k][lanes].
  void (*winograd_filters_gradient)(const float* du, i64 ld, i64 k, i64 lanes, float* dg);
  /// y[p][c] = x[c][p], zero for channels <= c < lanes.
  void (*to_pixels)(const float* x, i64 ld_x, i64 pixels, i64 channels, float* y, i64 lanes);

  template <Isa isa>
  static const Micro& body();
};

/// Those of the active instruction set.
inline const Micro& current_micro() { return choose<Micro, TERN_ISAS_CONV>(active_isa()); }

}  // namespace tern::kernels::conv
