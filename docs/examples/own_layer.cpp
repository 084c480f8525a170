// A layer of one's own that packs: a clip whose window and height each channel learns. Registered with its packer,
// trained inside a network given as text, packed, compared.
//
//   y = c clip(a x + b, -1, 1);   packed: affine (k1 = a, k0 = b), hardtanh, affine (k1 = c, k0 = 0)
//
// Usage: own_layer DATA_FOLDER WORK_FOLDER
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <tern/ops.hpp>
#include <tern/train.hpp>

using tern::Shape, tern::Tensor;

class LearnedClip final : public tern::Layer {
 public:
  explicit LearnedClip(const tern::LayerPlace& place) : shape_(place.inputs.at(0)) {
    for (const char* name : {"a", "b", "c"}) {
      place.announce(name, Shape{shape_[0]});
      Tensor value = Tensor::full(Shape{shape_[0]}, *name == 'b' ? 0.0 : 1.0);
      numbers_.push_back({name, value.set_requires_grad(true), tern::ParamKind::kNorm});
    }
  }
  // In evaluation these are the expressions of the packed operations, each rounded once.
  tern::Value forward(const std::vector<tern::Value>& in, const tern::ForwardContext&) override {
    const auto channels = [&](std::size_t i) { return reshape(numbers_[i].value, Shape{shape_[0], 1, 1}); };
    return {mul(hardtanh(add(mul(in[0].real(), channels(0)), channels(1))), channels(2))};
  }
  Shape output_shape() const override { return shape_; }
  std::vector<tern::Parameter> parameters() override { return numbers_; }

 private:
  Shape shape_;
  std::vector<tern::Parameter> numbers_;
};

static void pack_learned_clip(tern::PackContext& context) {
  const auto number = [&](const char* name) { return tern::float_blob(context.tensor(name)); };
  const auto zero = tern::float_blob(Tensor::zeros(context.tensor("c").shape()));
  const auto moved =
      context.add({.op = "affine", .inputs = context.inputs(), .blobs = {{"k1", number("a")}, {"k0", number("b")}}});
  const auto clipped = context.add({.op = "hardtanh", .inputs = {moved}});
  context.finish({.op = "affine", .inputs = {clipped}, .blobs = {{"k1", number("c")}, {"k0", zero}}});
}

static constexpr char kNetwork[] = R"(tern-graph 1
image = input() shape=1x28x28 mean=0.286 std=0.353
c1 = conv2d(image) out=8 kernel=5 stride=2
b1 = batch_norm(c1)
l1 = learned_clip(b1)
q1 = quantize(l1) acts=ternary
c2 = conv2d(q1) out=16 kernel=3 stride=2 weights=twn
f = flatten(c2)
fc = linear(f) out=10
)";

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  tern::register_layer("learned_clip", "c clip(a x + b, -1, 1), with a, b and c a channel",
                       [](const tern::LayerPlace& place) { return std::make_unique<LearnedClip>(place); });
  tern::register_packer("learned_clip", pack_learned_clip);
  const std::string work = argv[2];
  std::ofstream(work + "/network.txt") << kNetwork;
  tern::TrainConfig config;
  config.graph = work + "/network.txt";
  config.data = "fashion-mnist-mini";
  config.data_dir = argv[1];
  config.limit_train = 2000;
  config.epochs = 2;
  const double accuracy = tern::train(config, work + "/own_layer", false).last.test.accuracy();
  tern::TrainedRun trained = tern::load_run(work + "/own_layer");
  const auto same = tern::verify(trained.network, tern::pack(trained.network), {}, tern::load_data(config).test, 50);
  std::printf("accuracy %.3f, packed %s trained\n", accuracy, same.identical() ? "equals" : "differs from");
  return accuracy > 0.3 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
