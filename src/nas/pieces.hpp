// Small chains of nodes that candidates and cells share.
#pragma once

#include <string>

#include "tern/nas.hpp"

namespace tern::nas {

struct ConvSpec {
  std::int64_t out = 1, kernel = 1, stride = 1, pad = 0, dilation = 1, groups = 1;
  bool bias = false;
};
/// One that keeps the place's channels, and the image but for its stride. `kernel` is odd.
ConvSpec same_conv(const EdgePlace& at, std::int64_t kernel, std::int64_t dilation);
/// A convolution with the weights of the place.
std::string add_conv(const EdgePlace& at, const std::string& name, const std::string& x, const ConvSpec& conv);
/// ReLU if the activations of the place are fp32, else the quantizer.
std::string add_act(const EdgePlace& at, const std::string& name, const std::string& x);
/// Affine unless the place is under search.
std::string add_norm(const EdgePlace& at, const std::string& name, const std::string& x);
std::string add_norm(const EdgePlace& at, const std::string& name, const std::string& x, bool affine);
/// act, convolution, batch norm.
std::string add_act_conv_norm(const EdgePlace& at, const std::string& x, const ConvSpec& conv);
/// batch norm, sign (nothing if activations are fp32), convolution, ReLU.
std::string add_norm_sign_conv_relu(const EdgePlace& at, const std::string& x, const ConvSpec& conv, bool affine);
/// act, two 1x1 convolutions of stride 2 with `out` / 2 filters each, the second one pixel down and right, joined;
/// batch norm.
std::string add_factorized_reduce(const EdgePlace& at, const std::string& x, std::int64_t out);

}  // namespace tern::nas
