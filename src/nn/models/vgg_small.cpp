// VGG-Small and VGG-7. With F = width (128):
//   FC3 FC3 MP2  2FC3 2FC3 MP2  4FC3 4FC3 MP2  [8F dense]  dense classes
// nC3 is conv 3x3 (pad 1, n filters), batch norm, activation. The first convolution and the last dense layer stay fp32.
// order=bn_act_conv pools right behind the convolution and normalises and activates what the next layer reads.
#include "nn/models/builder.hpp"

namespace tern {
namespace {

Graph vgg(const ModelOptions& options, bool hidden_dense) {
  using P = ModelBuilder::Precision;
  ModelBuilder b(options);
  const std::int64_t width = b.width(128);
  const bool pool_first = b.choice("order", {"conv_bn_act", "bn_act_conv"}) == "bn_act_conv";
  std::string x = b.image();
  for (int stage = 0; stage < 3; ++stage) {
    for (int i = 0; i < 2; ++i) {
      x = b.conv(x, {.out = width << stage, .pad = 1, .precision = stage + i == 0 ? P::kFirstOrLast : P::kHidden});
      if (pool_first && i == 1) x = b.max_pool(x, {});
      x = b.act(b.batch_norm(x));
    }
    if (!pool_first) x = b.max_pool(x, {});
  }
  x = b.op("flatten", {x});
  if (hidden_dense) x = b.act(b.batch_norm(b.linear(x, 8 * width, P::kHidden, false)));
  b.linear(x, options.classes, P::kFirstOrLast);
  return b.finish();
}

}  // namespace

Graph make_model_vgg_small(const ModelOptions& options) { return vgg(options, false); }
Graph make_model_vgg_7(const ModelOptions& options) { return vgg(options, true); }

}  // namespace tern
