// ResNet-20, -32, -44, -56 for small images: a 3x3 stem of F = width (16) filters, three stages of n
// basic blocks with F, 2F, 4F filters, stride 2 at the start of the second and third, global average pool, classes:
// 6n + 2 layers. Shortcuts: option A (subsample, zero channels) by default, shortcut=B for 1x1 projections.
#include "nn/models/residual.hpp"

namespace tern {
namespace {

Graph resnet(const ModelOptions& options, int blocks) {
  ModelBuilder b(options);
  const std::int64_t width = b.width(16);
  const Shortcut shortcut = b.choice("shortcut", {"A", "B"}) == "A" ? Shortcut::kA : Shortcut::kB;
  const std::string stem = b.batch_norm(
      b.conv(b.image(), {.out = width, .pad = 1, .precision = ModelBuilder::Precision::kFirstOrLast}, "conv1"), "bn1");
  ResidualStack stack(b, b.relu_before_quantizer(stem, "relu"), width, shortcut);
  for (int stage = 0; stage < 3; ++stage) {
    for (int i = 0; i < blocks; ++i) {
      stack.basic("layer" + std::to_string(stage + 1) + "_" + std::to_string(i) + "_", width << stage,
                  stage > 0 && i == 0 ? 2 : 1, stage == 2 && i == blocks - 1);
    }
  }
  b.average_and_classify(stack.result());
  return b.finish();
}

}  // namespace

Graph make_model_resnet20(const ModelOptions& options) { return resnet(options, 3); }
Graph make_model_resnet32(const ModelOptions& options) { return resnet(options, 5); }
Graph make_model_resnet44(const ModelOptions& options) { return resnet(options, 7); }
Graph make_model_resnet56(const ModelOptions& options) { return resnet(options, 9); }

}  // namespace tern
