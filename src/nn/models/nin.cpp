// NIN, network in network, for CIFAR. With F = width (192):
//   FC5  5F/6 C1  F/2 C1  max pool 3x3/2   FC5 FC1 FC1  average pool 3x3/2   FC3 FC1  classes C1   global average pool
// nCk is conv k x k (pad k/2, n filters), batch norm, activation; also behind the last one, where it is always ReLU.
// The first and last convolution have a bias and stay fp32. The average pool takes float values and counts its padding,
// as the published networks do; the quantizer of that stage sits behind it.
#include "nn/models/builder.hpp"

namespace tern {

Graph make_model_nin(const ModelOptions& options) {
  using P = ModelBuilder::Precision;
  ModelBuilder b(options);
  const std::int64_t width = b.width(192);
  std::string x =
      b.conv_bn_act(b.image(), {.out = width, .kernel = 5, .pad = 2, .precision = P::kFirstOrLast, .bias = true});
  x = b.conv_bn_act(x, {.out = width * 5 / 6, .kernel = 1});
  x = b.conv_bn_act(x, {.out = width / 2, .kernel = 1});
  x = b.max_pool(x, {.kernel = 3, .stride = 2, .pad = 1});

  x = b.conv_bn_act(x, {.out = width, .kernel = 5, .pad = 2});
  x = b.conv_bn_act(x, {.out = width, .kernel = 1});
  x = b.relu_before_quantizer(b.batch_norm(b.conv(x, {.out = width, .kernel = 1})));
  x = b.quantize(b.avg_pool(x, {.kernel = 3, .stride = 2, .pad = 1, .count_padding = true}));

  x = b.conv_bn_act(x, {.out = width, .kernel = 3, .pad = 1});
  x = b.conv_bn_act(x, {.out = width, .kernel = 1});
  x = b.conv(x, {.out = options.classes, .kernel = 1, .precision = P::kFirstOrLast, .bias = true});
  x = b.relu(b.batch_norm(x));
  b.op("flatten", {b.op("global_avg_pool", {x})});
  return b.finish();
}

}  // namespace tern
