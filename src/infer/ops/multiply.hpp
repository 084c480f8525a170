// conv2d and linear: sums of products of the input with weights, and what each output's sum is made of.
#pragma once

#include <span>
#include <vector>

#include "infer/ops/op.hpp"

namespace tern::infer {

class Multiply final : public Operation {
 public:
  enum class Kind { kConv, kLinear };
  Multiply(Kind kind, const NodeReader& node, ValueType& result);

  const Kind kind;
  kernels::ConvShape shape;  ///< a linear node is a 1x1 convolution of K channels
  int pad_code = 0;          ///< what pixels outside the image hold; 0 if the input is real
  float pad_value = 0;       ///< fl(step * pad_code)

  // Views into the model; empty where there is none. Either codes or floats are the weights.
  std::span<const std::int8_t> codes;
  std::span<const float> floats;
  std::span<const float> scale_pos, scale_neg;  ///< scale_neg is empty for a single scale
  std::span<const float> bias;
  std::span<const std::int32_t> thresholds;  ///< not empty: codes come out, by comparing the sums with them
  std::span<const std::int8_t> flip;

  bool has_epilogue() const { return !thresholds.empty(); }
  bool two_scales() const { return !scale_neg.empty(); }
  bool padded() const { return shape.pad_h > 0 || shape.pad_w > 0; }
  /// Of the image with its border.
  i64 padded_floats() const {
    return shape.channels * (shape.height + 2 * shape.pad_h) * (shape.width + 2 * shape.pad_w);
  }
  /// 1 where there is none.
  float scale(i64 output) const { return scale_pos.empty() ? 1.0f : scale_pos[static_cast<std::size_t>(output)]; }
  /// Null if no output is flipped.
  const std::int8_t* flips() const { return flip.empty() ? nullptr : flip.data(); }

  /// The weight codes of each integer sum that the scales want: all of them, or with two scales the positive ones and
  /// the magnitudes of the negative ones.
  std::vector<std::vector<std::int8_t>> parts() const;
  /// As a convolution on planes of `image`. Of a dense layer after an image the kernel covers it: [O][C*H*W] is
  /// [O][C][H][W].
  kernels::ConvShape on(const ValueType& image) const;

  void run(std::span<const Dense> in, const Dense& out, Scratch& scratch) const override;
  ScratchSizes scratch(std::span<const ValueType* const> in, const ValueType& result) const override;
  double work(const ValueType& result) const override;
  const Multiply* multiply() const override { return this; }

 private:
  void read_conv(const NodeReader& node);
  void read_linear(const NodeReader& node);
  void read_weights(const NodeReader& node);
  void read_thresholds(const NodeReader& node, ValueType& result);
  void expect_sums_fit(const NodeReader& node) const;
  Shape weight_shape() const;
  void run_on_codes(const Dense& in, const Dense& out, Scratch& scratch) const;
  void run_on_floats(const Dense& in, const Dense& out, Scratch& scratch) const;
};

}  // namespace tern::infer
