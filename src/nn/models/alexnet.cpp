// AlexNet for small images. With F = width (64):
//   FC3/2 MP2  3FC3 MP2  6FC3 4FC3 4FC3 MP2  64F dense  64F dense  classes dense
// nC3 is conv 3x3 (pad 1, n filters), batch norm, activation; /2 is stride 2. The dense layers but the last have batch
// norm and activation too. Full-precision networks drop half of the inputs of the first two dense layers (option
// dropout).
#include "nn/models/builder.hpp"

namespace tern {

Graph make_model_alexnet(const ModelOptions& options) {
  using P = ModelBuilder::Precision;
  ModelBuilder b(options);
  const std::int64_t width = b.width(64);
  const double dropout = b.number("dropout", b.float_weights() && b.float_acts() ? 0.5 : 0.0, 0, 1);
  std::string x = b.conv_bn_act(b.image(), {.out = width, .stride = 2, .pad = 1, .precision = P::kFirstOrLast});
  x = b.conv_bn_act(b.max_pool(x, {}), {.out = 3 * width, .pad = 1});
  x = b.conv_bn_act(b.max_pool(x, {}), {.out = 6 * width, .pad = 1});
  x = b.conv_bn_act(x, {.out = 4 * width, .pad = 1});
  x = b.conv_bn_act(x, {.out = 4 * width, .pad = 1});
  x = b.op("flatten", {b.max_pool(x, {})});
  for (int i = 0; i < 2; ++i) {
    x = b.act(b.batch_norm(b.linear(b.dropout(x, dropout), 64 * width, P::kHidden, false)));
  }
  b.linear(x, options.classes, P::kFirstOrLast);
  return b.finish();
}

}  // namespace tern
