// tconv3, tconv5, tdil3, tdil5: act, convolution, batch norm. All convolutions are dense; act is a quantizer of the
// operation's own.
#include "nas/pieces.hpp"

namespace tern::nas {
namespace {

std::string add_ternary(const EdgePlace& at, std::int64_t kernel, std::int64_t dilation) {
  return add_act_conv_norm(at, at.input, same_conv(at, kernel, dilation));
}

}  // namespace

std::string add_tconv3(const EdgePlace& at) { return add_ternary(at, 3, 1); }
std::string add_tconv5(const EdgePlace& at) { return add_ternary(at, 5, 1); }
std::string add_tdil3(const EdgePlace& at) { return add_ternary(at, 3, 2); }
std::string add_tdil5(const EdgePlace& at) { return add_ternary(at, 5, 2); }

}  // namespace tern::nas
