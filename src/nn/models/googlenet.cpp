// GoogLeNet with batch norm and without auxiliary heads, as torchvision has it:
//   conv 7x7/2, MP3/2, conv 1x1, conv 3x3, MP3/2, inception 3a 3b, MP3/2, 4a .. 4e, MP2/2, 5a 5b, global average pool,
//   dropout, classes
// An inception block joins four branches: 1x1 | 1x1, 3x3 | 1x1, k5 x k5 | max pool 3x3/1, 1x1. The "5x5" branch of that
// implementation has a 3x3 kernel, which k5=3 keeps; k5=5 is the paper's. width scales every width in units of 1/64.
#include "nn/models/builder.hpp"

namespace tern {
namespace {

struct Inception {
  const char* name;
  std::int64_t one, reduce3, three, reduce5, five, pool;
};

constexpr Inception kBlocks[] = {
    {"inception3a", 64, 96, 128, 16, 32, 32},     {"inception3b", 128, 128, 192, 32, 96, 64},
    {"inception4a", 192, 96, 208, 16, 48, 64},    {"inception4b", 160, 112, 224, 24, 64, 64},
    {"inception4c", 128, 128, 256, 24, 64, 64},   {"inception4d", 112, 144, 288, 32, 64, 64},
    {"inception4e", 256, 160, 320, 32, 128, 128}, {"inception5a", 256, 160, 320, 32, 128, 128},
    {"inception5b", 384, 192, 384, 48, 128, 128},
};

class GoogLeNet {
 public:
  explicit GoogLeNet(const ModelOptions& options) : b_(options), scale_(b_.width(64)) {}

  Graph build() {
    k5_ = b_.choice("k5", {"3", "5"}) == "5" ? 5 : 3;
    const double dropout = b_.number("dropout", 0.2, 0, 1);
    std::string x = conv(b_.image(), "conv1", 64, 7, 2, ModelBuilder::Precision::kFirstOrLast);
    x = b_.max_pool(x, {.kernel = 3, .ceil = true}, "maxpool1");
    x = conv(conv(x, "conv2", 64, 1), "conv3", 192, 3);
    x = b_.max_pool(x, {.kernel = 3, .ceil = true}, "maxpool2");
    for (const Inception& block : kBlocks) {
      const std::string_view name = block.name;
      if (name == "inception4a") x = b_.max_pool(x, {.kernel = 3, .ceil = true}, "maxpool3");
      if (name == "inception5a") x = b_.max_pool(x, {.kernel = 2, .ceil = true}, "maxpool4");
      x = inception(x, block);
    }
    b_.average_and_classify(x, dropout);
    return b_.finish();
  }

 private:
  std::string conv(const std::string& x, const std::string& name, std::int64_t out, std::int64_t kernel,
                   std::int64_t stride = 1, ModelBuilder::Precision precision = ModelBuilder::Precision::kHidden) {
    const ModelBuilder::Conv c{
        .out = (out * scale_ + 63) / 64, .kernel = kernel, .stride = stride, .pad = kernel / 2, .precision = precision};
    return b_.conv_bn_act(x, c, name, "0.001");
  }

  std::string inception(const std::string& x, const Inception& i) {
    const std::string p = std::string(i.name) + "_branch";
    const std::string b1 = conv(x, p + "1", i.one, 1);
    const std::string b2 = conv(conv(x, p + "2_0", i.reduce3, 1), p + "2_1", i.three, 3);
    const std::string b3 = conv(conv(x, p + "3_0", i.reduce5, 1), p + "3_1", i.five, k5_);
    const std::string pooled = b_.max_pool(x, {.kernel = 3, .stride = 1, .pad = 1, .ceil = true}, p + "4_0");
    const std::string b4 = conv(pooled, p + "4_1", i.pool, 1);
    return b_.op("concat", {b1, b2, b3, b4}, {}, i.name);
  }

  ModelBuilder b_;
  std::int64_t scale_;
  std::int64_t k5_ = 3;
};

}  // namespace

Graph make_model_googlenet(const ModelOptions& options) { return GoogLeNet(options).build(); }

}  // namespace tern
