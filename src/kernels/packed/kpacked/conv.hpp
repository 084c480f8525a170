// Convolution of codes in the K-packed layout, without a column matrix: the bytes that a kernel row covers are
// contiguous, so a table of byte offsets replaces im2col for any kernel, stride, dilation and group count.
//
// Derivation. Write a weight code as sum_d 2^d t_d with t_d in {-1, 0, 1} (its binary digits with its sign), and an
// activation as lo + sum_k W_k b_k. Then
//   sum w x = lo * sum w + sum_d sum_k 2^d W_k * sum t_d b_k,
// and with s = [t > 0], nz = [t != 0], m = number of negative t:
//   sum t b = #(s=1, b=1) - #(s=0, b=1) = popcount(nz & ~(b ^ s)) - m,
// because the popcount is #(s=1, b=1) + #(s=0, b=0) and #(s=0, b=0) = m - #(s=0, b=1). Everything that does not depend
// on the activations is one correction an output channel. This is FATNN's inner product in the folded form of codec.hpp
// with the two code bits on separate planes, where it serves any number of levels.
#pragma once

#include <vector>

#include "core/aligned.hpp"
#include "kernels/conv_shape.hpp"
#include "kernels/packed/kpacked/layout.hpp"
#include "kernels/packed/kpacked/micro.hpp"

namespace tern::kernels::kpacked {

/// Integer thresholds of a fused epilogue in the kernels' order, all comparisons acc >= T. A channel whose thresholds
/// are flipped needs its weights negated, so that acc <= T becomes -acc >= -T.
class Thresholds {
 public:
  /// `t`: [outputs][levels]; `flip`: [outputs] or null.
  Thresholds(i64 outputs, int levels, const std::int32_t* t, const std::int8_t* flip);
  /// Weights [outputs][k] with the flipped channels negated.
  static std::vector<std::int8_t> negate(const std::int8_t* w, i64 outputs, i64 k, const std::int8_t* flip);

  /// Compares acc[i][8] of `block` and writes the block's byte of `pixels` pixels; at[i] is where pixel i begins.
  void write(const Micro& micro, const std::int32_t* acc, i64 block, i64 pixels, const PlaneLayout& layout, u8* planes,
             const std::int32_t* at) const;

 private:
  int levels_;
  std::vector<std::int32_t> t_;  // [block][level][8]
};

class Conv {
 public:
  /// Whether these kernels can run it: groups must start on whole bytes, and the border's code must be one.
  static bool supports(const ConvShape& shape, const PlaneCode& input);
  /// `input`: layout of the activations, with a border of at least the convolution's padding.
  /// `w`: codes [outputs][channels/groups][kernel_h][kernel_w]. Sums must fit 32 bits.
  Conv(const ConvShape& shape, const PlaneLayout& input, const std::int8_t* w);

  i64 blocks() const { return blocks_; }
  /// First output channel of a block, and how many of its 8 exist.
  i64 first_output(i64 block) const;
  i64 outputs(i64 block) const;
  /// acc[i][8] for the output pixels first + i, i < pixels, counted row-major over the whole output.
  void run(const Micro& micro, const u8* planes, i64 block, i64 first, i64 pixels, std::int32_t* acc) const;
  /// run() and Thresholds::write() in one; `at` is where each pixel begins in `output`, for all pixels of the image.
  void run(const Micro& micro, const u8* planes, i64 block, i64 first, i64 pixels, const Thresholds& thresholds,
           const PlaneLayout& output, u8* out, const std::int32_t* at) const;
  /// Bytes of packed weights.
  i64 weight_bytes() const { return static_cast<i64>(weights_.size() * 8); }

 private:
  struct Segment;
  std::vector<Segment> segments() const;
  Task task(const u8* planes, i64 block, i64 first) const;

  ConvShape shape_;
  PlaneLayout input_;
  i64 blocks_per_group_, blocks_;
  int digits_ = 1;
  std::vector<std::int32_t> pixels_;      // byte of each output pixel's first tap
  std::vector<std::int32_t> offsets_;     // bytes, from the first tap
  AlignedVector<std::uint64_t> weights_;  // [block][digit][chunk][s, nz][8]
  std::vector<std::int32_t> correction_;  // [block][8]
};

/// Byte of each pixel within a plane, row-major.
std::vector<std::int32_t> pixel_bytes(const PlaneLayout& layout);

/// Turns masks[levels][pixels] (bit = reached level j+1), `level_step` bytes apart, into the binary digits of the
/// count.
void masks_to_digits(const u8* masks, i64 level_step, int levels, i64 pixels, u8* out, const std::int32_t* at,
                     i64 plane_bytes, int planes);

/// Max pooling within the planes. `in` and `out` have the same codes and channels.
void max_pool(const PoolShape& shape, const PlaneLayout& in, const u8* x, const PlaneLayout& out, u8* y, i64 row_begin,
              i64 row_end);

}  // namespace tern::kernels::kpacked
