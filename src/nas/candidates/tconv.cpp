// tconv3, tconv5, tdil3, tdil5: act, convolution, batch norm. All convolutions are dense; act is a quantizer of the
// operation's own.
#include "nas/pieces.hpp"

namespace tern::nas {
namespace {

std::string add_dense(const EdgePlace& at, std::int64_t kernel, std::int64_t dilation) {
  const ConvSpec conv{
      .out = at.channels, .kernel = kernel, .stride = at.stride, .pad = dilation * (kernel / 2), .dilation = dilation};
  return add_act_conv_norm(at, at.input, conv);
}

}  // namespace

std::string add_tconv3(const EdgePlace& at) { return add_dense(at, 3, 1); }
std::string add_tconv5(const EdgePlace& at) { return add_dense(at, 5, 1); }
std::string add_tdil3(const EdgePlace& at) { return add_dense(at, 3, 2); }
std::string add_tdil5(const EdgePlace& at) { return add_dense(at, 5, 2); }

}  // namespace tern::nas
