// A checked model: every node with its operands found, its numbers parsed and its shape inferred. Nothing that reads it
// has to check anything again.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/conv_shape.hpp"
#include "tern/packed.hpp"

namespace tern::infer {

using i64 = std::int64_t;

enum class Op {
  kInput,
  kConv,
  kLinear,
  kAffine,
  kQuantize,
  kRelu,
  kHardtanh,
  kPrelu,
  kMaxPool,
  kAvgPool,
  kGlobalAvgPool,
  kFlatten,
  kAdd,
  kConcat,
  kShuffle,
  kPadChannels,
  kShift,
  kZero,
  kOr,
  kTgap,
  kMux
};

/// What travels along an edge, for one image.
struct ValueType {
  Shape shape;     ///< [C H W] or [K]
  float step = 0;  ///< 0: real values
  int lo = 0, hi = 0;

  bool is_codes() const { return step != 0; }
  i64 numel() const { return shape.numel(); }
  i64 channels() const { return shape[0]; }
  i64 height() const { return shape.rank() == 3 ? shape[1] : 1; }
  i64 width() const { return shape.rank() == 3 ? shape[2] : 1; }
  i64 pixels() const { return height() * width(); }
};

struct Node {
  const GraphNode* graph = nullptr;
  Op op = Op::kInput;
  std::vector<std::size_t> inputs;
  ValueType type;

  kernels::ConvShape conv;    ///< kConv; kLinear as a 1x1 convolution of K channels
  int pad_code = 0;           ///< kConv, kShift: what pixels outside the image hold; 0 if the input is real
  float pad_value = 0;        ///< fl(step * pad_code)
  kernels::PoolShape pool;    ///< pools
  i64 front = 0, stride = 1;  ///< kPadChannels; kZero
  i64 by = 0;                 ///< kShift
  i64 groups = 1;             ///< kShuffle

  std::vector<float> mean, std;  ///< kInput
  // Blobs; empty where there is none. They live in the model.
  std::span<const std::int8_t> weight_codes;
  std::span<const float> weight_floats;
  std::span<const float> scale_pos, scale_neg;  ///< scale_neg is empty for a single scale
  std::span<const float> bias, k1, k0, slope;
  std::span<const float> float_thresholds;
  std::span<const std::int32_t> thresholds;  ///< not empty: fused threshold epilogue
  std::span<const std::int8_t> flip;

  bool has_epilogue() const { return !thresholds.empty(); }
  bool two_scales() const { return !scale_neg.empty(); }
  bool padded() const { return conv.pad_h > 0 || conv.pad_w > 0; }
  /// kShuffle: the channel that becomes channel c. As a matrix of `groups` rows, channels are read by columns.
  i64 shuffled(i64 c) const { return c % groups * (type.channels() / groups) + c / groups; }
  i64 macs() const { return op == Op::kConv || op == Op::kLinear ? conv.macs() : 0; }
};

/// Errors: FormatError naming the node. The result points into `model`.
std::vector<Node> check_model(const packed::Model& model);

/// Extents may not go beyond these, so that sizes and offsets fit their types and a small file cannot ask for all
/// memory.
inline constexpr i64 kMaxAttribute = i64{1} << 24;
inline constexpr i64 kMaxValueElements = i64{1} << 26;
inline constexpr i64 kMaxTotalElements = i64{1} << 28;

}  // namespace tern::infer
