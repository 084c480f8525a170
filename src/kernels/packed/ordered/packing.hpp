// What the tile functions work on: weights as blocks of 16 output channels, images with their zero border, and the
// table of offsets of a kernel's taps.
#pragma once

#include <cstdint>
#include <vector>

#include "core/aligned.hpp"
#include "kernels/packed/ordered.hpp"
#include "tern/cpu.hpp"

namespace tern::kernels::ordered {

/// A convolution made ready: w, offsets and extents of the padded image.
class Prepared {
 public:
  /// `w`: [outputs][channels/groups][kernel_h][kernel_w].
  Prepared(const ConvShape& shape, const float* w);

  const ConvShape& shape() const { return shape_; }
  std::int64_t padded_height() const { return padded_h_; }
  std::int64_t padded_width() const { return padded_w_; }
  /// Floats of one padded image, [channels][padded height][padded width].
  std::int64_t padded_size() const { return shape_.channels * padded_h_ * padded_w_; }
  /// Output channels of a group are cut into blocks of 16; the last one of a group may be partly empty.
  std::int64_t blocks() const { return shape_.groups * blocks_per_group_; }
  struct Block {
    std::int64_t first_output, outputs;  ///< outputs <= 16
    std::int64_t first_input;            ///< first input channel of its group
  };
  Block block(std::int64_t i) const;

  /// Copies one image [channels][height][width] into its padded place.
  void pad(const float* image, float* padded) const;
  /// Computes `pixels` results from column `q` of output row `p` for block `i`: out[pixel][16].
  void row(Isa isa, const float* padded, std::int64_t i, std::int64_t p, std::int64_t q, std::int64_t pixels,
           float* out) const;

 private:
  ConvShape shape_;
  std::int64_t padded_h_, padded_w_, blocks_per_group_, k_;
  std::vector<std::int32_t> offsets_;
  AlignedVector<float> weights_;  // [block][k][16]
};

}  // namespace tern::kernels::ordered
