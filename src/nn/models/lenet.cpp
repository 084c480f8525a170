// LeNet-like: 32C5 MP2 64C5 MP2, 512 dense, classes. Widths as in the small networks that ternary papers train on MNIST.
#include "nn/models/builder.hpp"

namespace tern {

Graph make_model_lenet(const ModelOptions& options) {
  using P = ModelBuilder::Precision;
  ModelBuilder b(options);
  const std::int64_t width = options.width ? options.width : 32;
  std::string x = b.max_pool(b.conv_bn_act(b.image(), width, 5, 1, 2, P::kFirstOrLast), 2, 2);
  x = b.max_pool(b.conv_bn_act(x, 2 * width, 5, 1, 2), 2, 2);
  x = b.act(b.batch_norm(b.linear(b.op("flatten", {x}), 16 * width, P::kHidden, false)));
  b.linear(x, options.classes, P::kFirstOrLast);
  return b.finish();
}

}  // namespace tern
