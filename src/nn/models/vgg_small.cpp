// VGG-Small and VGG-7 (algorithms 9.1, 9.2). With F = width (128):
//   FC3 FC3 MP2  2FC3 2FC3 MP2  4FC3 4FC3 MP2  [8F dense]  dense classes
// nC3 is conv 3x3 (pad 1, n filters), batch norm, activation. The first convolution and the last dense layer stay fp32.
#include "nn/models/builder.hpp"

namespace tern {
namespace {

Graph vgg(const ModelOptions& options, bool hidden_dense) {
  using P = ModelBuilder::Precision;
  ModelBuilder b(options);
  const std::int64_t width = options.width ? options.width : 128;
  std::string x = b.image();
  for (int stage = 0; stage < 3; ++stage) {
    for (int i = 0; i < 2; ++i) {
      x = b.conv_bn_act(x, width << stage, 3, 1, 1, stage == 0 && i == 0 ? P::kFirstOrLast : P::kHidden);
    }
    x = b.max_pool(x, 2, 2);
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
