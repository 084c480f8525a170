// ResNet-18, -34, -50: a stem of F = width (64) filters, four stages of blocks with F, 2F, 4F, 8F
// filters, stride 2 at the start of the last three, global average pool, classes. -18 and -34 have basic blocks, -50
// bottlenecks with four times as many outputs. Shortcuts are 1x1 projections (shortcut=A: zero channels).
//   stem=imagenet   conv 7x7/2, max pool 3x3/2      stem=cifar   conv 3x3
//   stem=auto       imagenet from 96 pixels on the smaller side
#include <algorithm>
#include <array>

#include "nn/models/residual.hpp"

namespace tern {
namespace {

constexpr std::int64_t kLargeImage = 96;

std::string stem(ModelBuilder& b, std::int64_t width) {
  const Shape& in = b.options().input;
  std::string kind = b.choice("stem", {"auto", "imagenet", "cifar"});
  if (kind == "auto") kind = std::min(in[1], in[2]) >= kLargeImage ? "imagenet" : "cifar";
  const bool large = kind == "imagenet";
  ModelBuilder::Conv conv{.out = width, .pad = 1, .precision = ModelBuilder::Precision::kFirstOrLast};
  if (large) conv.kernel = 7, conv.stride = 2, conv.pad = 3;
  const std::string x = b.relu_before_quantizer(b.batch_norm(b.conv(b.image(), conv, "conv1"), "bn1"), "relu");
  return large ? b.max_pool(x, {.kernel = 3, .stride = 2, .pad = 1}, "maxpool") : x;
}

Graph resnet(const ModelOptions& options, const std::array<int, 4>& blocks, bool bottlenecks) {
  ModelBuilder b(options);
  const std::int64_t width = b.width(64);
  const Shortcut shortcut = b.choice("shortcut", {"B", "A"}) == "A" ? Shortcut::kA : Shortcut::kB;
  ResidualStack stack(b, stem(b, width), width, shortcut);
  for (std::size_t stage = 0; stage < 4; ++stage) {
    for (int i = 0; i < blocks[stage]; ++i) {
      const std::string prefix = "layer" + std::to_string(stage + 1) + "_" + std::to_string(i) + "_";
      const std::int64_t stride = stage > 0 && i == 0 ? 2 : 1;
      const bool last = stage == 3 && i == blocks[stage] - 1;
      if (bottlenecks)
        stack.bottleneck(prefix, width << stage, stride, last);
      else
        stack.basic(prefix, width << stage, stride, last);
    }
  }
  b.average_and_classify(stack.result());
  return b.finish();
}

}  // namespace

Graph make_model_resnet18(const ModelOptions& options) { return resnet(options, {2, 2, 2, 2}, false); }
Graph make_model_resnet34(const ModelOptions& options) { return resnet(options, {3, 4, 6, 3}, false); }
Graph make_model_resnet50(const ModelOptions& options) { return resnet(options, {3, 4, 6, 3}, true); }

}  // namespace tern
