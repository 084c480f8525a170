// Sums of floats in the order that they are defined by: ascending channel, row, column. No operator of ONNX promises an
// order, so that a scan takes product after product.
#pragma once

#include "export/onnx/body.hpp"
#include "kernels/conv_shape.hpp"

namespace tern::onnx {

/// The taps of each window of an image, one behind the other in place of each channel: [batch C*R*S P Q]. `pads` as of
/// ONNX' Conv: top, left, bottom, right.
std::string taps(const Body& b, const std::string& x, const kernels::ConvShape& window, const Dims& pads);
/// x: [batch G K P Q]; w: [K G M 1 1]; the result: [batch G M P Q].
std::string ordered_sum(const Body& b, const std::string& x, const std::string& w, const Dims& result);

}  // namespace tern::onnx
