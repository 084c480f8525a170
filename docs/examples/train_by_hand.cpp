// Data of one's own, from memory, and a training loop of one's own: a ternary network learns whether stripes run down
// or across, and is packed into a file.
//
// Usage: train_by_hand OUTPUT.tern
#include <cstdio>
#include <exception>
#include <tern/autograd.hpp>
#include <tern/convert.hpp>
#include <tern/ops.hpp>
#include <tern/optim.hpp>

// Stripes two pixels wide under noise; label 0: they run down, 1: across.
static tern::Images stripes(int count, std::uint64_t seed) {
  tern::Images out{1, 8, 8, {}, {}};  // a channel, 8 x 8, no pixels and labels yet
  tern::Rng rng(seed);
  for (int n = 0; n < count; ++n) {
    const auto label = static_cast<int>(rng.below(2)), phase = static_cast<int>(rng.below(4));
    out.labels.push_back(label);
    for (int y = 0; y < 8; ++y) {
      for (int x = 0; x < 8; ++x) {
        const bool bright = ((label ? y : x) + phase) % 4 < 2;
        out.pixels.push_back(static_cast<std::uint8_t>((bright ? 100 : 0) + rng.below(156)));
      }
    }
  }
  return out;
}

static constexpr char kNetwork[] = R"(tern-graph 1
image = input() shape=1x8x8 mean=0.5 std=0.25
c1 = conv2d(image) out=8 kernel=3 pad=1
b1 = batch_norm(c1)
q1 = quantize(b1) acts=ternary
c2 = conv2d(q1) out=8 kernel=3 stride=2 weights=twn
b2 = batch_norm(c2)
q2 = quantize(b2) acts=ternary
f = flatten(q2)
fc = linear(f) out=2
)";

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  const tern::Images train = stripes(2000, 1), test = stripes(500, 2);
  tern::Network network(tern::Graph::parse(kNetwork), 1);
  tern::BatchLoader loader(train, tern::normalizer_of(network.graph()), {.batch_size = 50, .shuffle = true});
  tern::ParamGroup all;
  for (const tern::Parameter& p : network.parameters()) all.params.push_back({p.name, p.value});
  const auto sgd = tern::make_optimizer("sgd:momentum=0.9", {all});

  network.set_training(true);
  network.init_quantizers(tern::calibration_images(network, train, 50));
  tern::Position at{.steps_per_epoch = loader.batches_per_epoch(), .epochs = 3};
  for (at.epoch = 0; at.epoch < at.epochs; ++at.epoch) {
    loader.start_epoch(at.epoch);
    at.step = 0;
    network.on_epoch_begin(at);
    for (tern::Batch batch; loader.next(batch); ++at.step) {
      network.before_step(at);
      sgd->zero_grad();
      const tern::Tensor labels = tern::Tensor::from(batch.labels, {batch.size()});
      backward(cross_entropy(network.forward(tern::batch_tensor(batch)), labels));
      sgd->step(0.02);
      network.after_step();
    }
  }

  network.set_training(false);
  const tern::packed::Model model = tern::pack(network);
  tern::packed::write(model, argv[1]);
  const tern::VerifyResult same = tern::verify(network, model, {}, test, 100);
  const std::vector<std::int32_t> found = tern::infer::Session(model).predict(test.pixels, test.count());
  int right = 0;
  for (std::size_t i = 0; i < found.size(); ++i) right += found[i] == test.labels[i];
  std::printf("%d of 500 right, packed %s trained\n", right, same.identical() ? "equals" : "differs from");
  return right > 450 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
