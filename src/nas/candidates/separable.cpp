// sep3, sep5: twice act, depthwise convolution, 1x1 convolution, batch norm; the stride is in the first depthwise one.
// dil3, dil5: the same once, with dilation 2.
// Paper: Liu, Simonyan, Yang, "DARTS: differentiable architecture search", 2019, section 3.
#include "nas/pieces.hpp"

namespace tern::nas {
namespace {

std::string add_once(const EdgePlace& at, const std::string& x, const std::string& part, std::int64_t kernel,
                     std::int64_t stride, std::int64_t dilation) {
  ConvSpec depthwise = same_conv(at, kernel, dilation);
  depthwise.stride = stride;
  depthwise.groups = at.channels;
  const std::string y = add_conv(at, part + "_depth", add_act(at, part + "_act", x), depthwise);
  return add_norm(at, part + "_bn", add_conv(at, part + "_point", y, {.out = at.channels}));
}

std::string add_separable(const EdgePlace& at, std::int64_t kernel) {
  return add_once(at, add_once(at, at.input, "_a", kernel, at.stride, 1), "_b", kernel, 1, 1);
}

}  // namespace

std::string add_sep3(const EdgePlace& at) { return add_separable(at, 3); }
std::string add_sep5(const EdgePlace& at) { return add_separable(at, 5); }
std::string add_dil3(const EdgePlace& at) { return add_once(at, at.input, "", 3, at.stride, 2); }
std::string add_dil5(const EdgePlace& at) { return add_once(at, at.input, "", 5, at.stride, 2); }

}  // namespace tern::nas
