// Residual blocks, post-activation. The skip path carries float values; quantizers sit in front of the
// convolutions, and a projection reads the same quantized values as the first convolution does:
//   basic:       x - quantise - 3x3 - BN - ReLU - quantise - 3x3 - BN - add(skip) - ReLU
//   bottleneck:  x - quantise - 1x1 - BN - ReLU - quantise - 3x3 - BN - ReLU - quantise - 1x1 - BN - add(skip) - ReLU
// With full-precision activations `quantise` is nothing. With signed quantizers the ReLUs are nothing, but for the one
// behind the last block (ModelBuilder::relu_before_quantizer).
#pragma once

#include "nn/models/builder.hpp"

namespace tern {

/// How the skip path changes its shape: A subsamples and pads with zero channels, B is a 1x1 convolution with batch
/// norm.
enum class Shortcut { kA, kB };

/// A stack of residual blocks under construction: keeps the current value and its channels.
class ResidualStack {
 public:
  ResidualStack(ModelBuilder& builder, std::string x, std::int64_t channels, Shortcut shortcut)
      : b_(builder), x_(std::move(x)), channels_(channels), shortcut_(shortcut) {}

  /// `prefix` precedes the names of the block's nodes: layer1_0_conv1 and so on. `last`: no convolution follows.
  void basic(const std::string& prefix, std::int64_t width, std::int64_t stride, bool last);
  /// The block's result has 4 x width channels; its stride is that of the 3x3 convolution.
  void bottleneck(const std::string& prefix, std::int64_t width, std::int64_t stride, bool last);
  const std::string& result() const { return x_; }

 private:
  std::string conv_bn(const std::string& x, const ModelBuilder::Conv& c, const std::string& prefix, int i);
  std::string between(const std::string& x, const std::string& prefix, int i);
  std::string skip(const std::string& quantized, const std::string& prefix, std::int64_t out, std::int64_t stride);
  void join(const std::string& y, const std::string& skip, const std::string& prefix, int i, bool last);

  ModelBuilder& b_;
  std::string x_;
  std::int64_t channels_;
  Shortcut shortcut_;
};

}  // namespace tern
