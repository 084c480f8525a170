#include "nn/models/residual.hpp"

namespace tern {
namespace {

std::string at(const std::string& prefix, const char* what, int i) { return prefix + what + std::to_string(i); }

}  // namespace

std::string ResidualStack::conv_bn(const std::string& x, const ModelBuilder::Conv& c, const std::string& prefix,
                                   int i) {
  return b_.batch_norm(b_.conv(x, c, at(prefix, "conv", i)), at(prefix, "bn", i));
}

// ReLU and quantizer between two convolutions of a block.
std::string ResidualStack::between(const std::string& x, const std::string& prefix, int i) {
  return b_.quantize(b_.relu_before_quantizer(x, at(prefix, "relu", i)), at(prefix, "quant", i + 1));
}

std::string ResidualStack::skip(const std::string& quantized, const std::string& prefix, std::int64_t out,
                                std::int64_t stride) {
  if (stride == 1 && out == channels_) return x_;
  if (shortcut_ == Shortcut::kA) {
    const std::int64_t front = (out - channels_) / 2, back = out - channels_ - front;
    return b_.op("pad_channels", {x_},
                 {{"front", std::to_string(front)}, {"back", std::to_string(back)}, {"stride", std::to_string(stride)}},
                 prefix + "pad");
  }
  const std::string& from = b_.options().fp_shortcut ? x_ : quantized;
  const std::string y =
      b_.conv(from, {.out = out, .kernel = 1, .stride = stride, .precision = ModelBuilder::Precision::kShortcut},
              prefix + "downsample_0");
  return b_.batch_norm(y, prefix + "downsample_1");
}

void ResidualStack::join(const std::string& y, const std::string& skip, const std::string& prefix, int i, bool last) {
  const std::string sum = b_.op("add", {y, skip}, {}, prefix + "add");
  const std::string relu = at(prefix, "relu", i);
  x_ = last ? b_.relu(sum, relu) : b_.relu_before_quantizer(sum, relu);
}

void ResidualStack::basic(const std::string& prefix, std::int64_t width, std::int64_t stride, bool last) {
  const std::string in = b_.quantize(x_, prefix + "quant1");
  std::string y = conv_bn(in, {.out = width, .stride = stride, .pad = 1}, prefix, 1);
  y = conv_bn(between(y, prefix, 1), {.out = width, .pad = 1}, prefix, 2);
  join(y, skip(in, prefix, width, stride), prefix, 2, last);
  channels_ = width;
}

void ResidualStack::bottleneck(const std::string& prefix, std::int64_t width, std::int64_t stride, bool last) {
  const std::string in = b_.quantize(x_, prefix + "quant1");
  std::string y = conv_bn(in, {.out = width, .kernel = 1}, prefix, 1);
  y = conv_bn(between(y, prefix, 1), {.out = width, .stride = stride, .pad = 1}, prefix, 2);
  y = conv_bn(between(y, prefix, 2), {.out = 4 * width, .kernel = 1}, prefix, 3);
  join(y, skip(in, prefix, 4 * width, stride), prefix, 3, last);
  channels_ = 4 * width;
}

}  // namespace tern
