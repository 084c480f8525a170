// One step of a search: the entropy term of alpha's loss with its sign and fading, and statistics that alpha must not
// move.
#include <cmath>
#include <map>

#include "catch.hpp"
#include "train/search_step.hpp"

using namespace tern;

namespace {

nas::CellOptions tiny_cells() {
  nas::CellOptions o;
  o.cells = 3;
  o.width = 4;
  o.input = Shape{1, 8, 8};
  return o;
}

LabelledImages random_batch(std::uint64_t seed, float size = 1.0f) {
  Batch b;
  b.shape = {1, 8, 8};
  static std::vector<float> images;
  static std::vector<std::int64_t> labels;
  images.resize(8 * 64);
  labels.resize(8);
  Rng rng(seed);
  for (float& x : images) x = size * rng.normal();
  for (std::int64_t& y : labels) y = static_cast<std::int64_t>(rng.below(10));
  b.images = images;
  b.labels = labels;
  return LabelledImages(b);
}

// Ready to train in that epoch, with a mixture that is not even.
void prepare(SearchStep& step, std::int64_t epoch = 0) {
  step.net().network().set_training(true);
  step.net().network().init_quantizers(random_batch(4).images);
  step.net().network().on_epoch_begin({.epoch = epoch});
  Rng rng(5);
  for (const NamedTensor& a : step.net().alphas()) {
    for (float& x : a.value.span<float>()) x = rng.normal();
  }
}

// The gradient that Adam saw in the first step, from its mean gradient (1 - beta1) g.
std::map<std::string, std::vector<double>> alpha_gradient(double entropy_weight, std::int64_t epoch) {
  SearchConfig c;
  c.entropy_weight = entropy_weight;
  c.arch_weight_decay = 0;
  SearchStep step(c, tiny_cells());
  prepare(step, epoch);
  step.run(random_batch(1), random_batch(2), {.epoch = epoch, .step = 0, .steps_per_epoch = 1, .epochs = 50});
  std::map<std::string, std::vector<double>> out;
  for (const NamedTensor& t : step.state().optimizer) {
    for (const NamedTensor& a : step.net().alphas()) {
      if (t.name != a.name + ".m") continue;
      out[a.name] = t.value.to_vector();
      for (double& g : out[a.name]) g /= 1 - c.arch_beta1;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("search step: alpha's loss is CE - lambda exp(-epoch / tau) H, tau = 7.7", "[train]") {
  SearchStep step({}, tiny_cells());
  prepare(step);
  for (const auto& [epoch, fade] : {std::pair<std::int64_t, double>{0, 1.0}, {7, 0.403}, {25, 0.039}}) {
    const auto without = alpha_gradient(0, epoch), with = alpha_gradient(1, epoch);
    REQUIRE(without.size() == 2);
    for (const NamedTensor& a : step.net().alphas()) {
      const std::int64_t edges = a.value.size(0), ops = a.value.size(1);
      const std::vector<double> alpha = a.value.to_vector();
      for (std::int64_t e = 0; e < edges; ++e) {
        double sum = 0, entropy = 0;
        for (std::int64_t o = 0; o < ops; ++o) sum += std::exp(alpha[static_cast<std::size_t>(e * ops + o)]);
        const auto p = [&](std::int64_t o) { return std::exp(alpha[static_cast<std::size_t>(e * ops + o)]) / sum; };
        for (std::int64_t o = 0; o < ops; ++o) entropy -= p(o) * std::log(p(o));
        for (std::int64_t o = 0; o < ops; ++o) {
          const auto k = static_cast<std::size_t>(e * ops + o);
          INFO("epoch " << epoch << ", " << a.name << ", edge " << e << ", operation " << o);
          // d(-lambda fade H) / d alpha, H the mean over all 28 edges: dH = -p (ln p + H) / 28.
          const double expected = std::exp(-static_cast<double>(epoch) / 7.7) * p(o) * (std::log(p(o)) + entropy) / 28;
          CHECK(with.at(a.name)[k] - without.at(a.name)[k] == Approx(expected).margin(2e-7));
          CHECK(std::exp(-static_cast<double>(epoch) / 7.7) == Approx(fade).margin(5e-4));
        }
      }
    }
  }
}

TEST_CASE("search step: what alpha sees leaves running statistics and weights as they are", "[train]") {
  SearchConfig c;
  c.arch_lr = 0;  // so that the second half of the step is the same whatever alpha saw
  for (const std::int64_t order : {1, 2}) {
    INFO("order " << order);
    c.order = order;
    SearchStep a(c, tiny_cells()), b(c, tiny_cells());
    prepare(a);
    prepare(b);
    const Position where{.epoch = 0, .step = 0, .steps_per_epoch = 1, .epochs = 1};
    std::vector<std::vector<double>> before;
    for (const NamedTensor& t : a.state().network) before.push_back(t.value.to_vector());
    a.run(random_batch(1), random_batch(2), where);
    b.run(random_batch(1), random_batch(3, 9.0f), where);
    const auto state_a = a.state().network, state_b = b.state().network;
    REQUIRE(state_a.size() == state_b.size());
    int moved = 0;
    for (std::size_t i = 0; i < state_a.size(); ++i) {
      INFO(state_a[i].name);
      CHECK(state_a[i].value.to_vector() == state_b[i].value.to_vector());
      moved += state_a[i].name.ends_with("running_mean") && state_a[i].value.to_vector() != before[i];
    }
    CHECK(moved > 0);
  }
}
