// bconv3, bconv5, bdil3, bdil5: batch norm, sign, convolution, ReLU: the order of binary networks, whose batch norm
// centres what the sign sees.
#include "nas/pieces.hpp"

namespace tern::nas {
namespace {

std::string add_binary(const EdgePlace& at, std::int64_t kernel, std::int64_t dilation) {
  return add_norm_sign_conv_relu(at, at.input, same_conv(at, kernel, dilation), !at.searching);
}

}  // namespace

std::string add_bconv3(const EdgePlace& at) { return add_binary(at, 3, 1); }
std::string add_bconv5(const EdgePlace& at) { return add_binary(at, 5, 1); }
std::string add_bdil3(const EdgePlace& at) { return add_binary(at, 3, 2); }
std::string add_bdil5(const EdgePlace& at) { return add_binary(at, 5, 2); }

}  // namespace tern::nas
