// bconv3, bconv5, bdil3, bdil5: batch norm, sign, convolution, ReLU: the order of binary networks, whose batch norm
// centres what the sign sees.
#include "nas/pieces.hpp"

namespace tern::nas {
namespace {

std::string add_dense(const EdgePlace& at, std::int64_t kernel, std::int64_t dilation) {
  const ConvSpec conv{
      .out = at.channels, .kernel = kernel, .stride = at.stride, .pad = dilation * (kernel / 2), .dilation = dilation};
  return add_norm_sign_conv_relu(at, at.input, conv, !at.searching);
}

}  // namespace

std::string add_bconv3(const EdgePlace& at) { return add_dense(at, 3, 1); }
std::string add_bconv5(const EdgePlace& at) { return add_dense(at, 5, 1); }
std::string add_bdil3(const EdgePlace& at) { return add_dense(at, 3, 2); }
std::string add_bdil5(const EdgePlace& at) { return add_dense(at, 5, 2); }

}  // namespace tern::nas
