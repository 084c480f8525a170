// LeNet-like: 32C5 MP2 64C5 MP2, 512 dense, classes. Widths as in the small networks that ternary papers train on
// MNIST.
#include "nn/models/builder.hpp"

namespace tern {

Graph make_model_lenet(const ModelOptions& options) {
  using P = ModelBuilder::Precision;
  ModelBuilder b(options);
  const std::int64_t width = b.width(32);
  std::string x = b.conv_bn_act(b.image(), {.out = width, .kernel = 5, .pad = 2, .precision = P::kFirstOrLast});
  x = b.conv_bn_act(b.max_pool(x, {}), {.out = 2 * width, .kernel = 5, .pad = 2});
  x = b.op("flatten", {b.max_pool(x, {})});
  x = b.act(b.batch_norm(b.linear(x, 16 * width, P::kHidden, false)));
  b.linear(x, options.classes, P::kFirstOrLast);
  return b.finish();
}

}  // namespace tern
