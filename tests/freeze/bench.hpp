// A small network that is frozen, and its optimizer.
#pragma once

#include <numeric>
#include <string>
#include <vector>

#include "tern/autograd.hpp"
#include "tern/freeze.hpp"
#include "tern/ops.hpp"

namespace tern::testing {

inline Graph net_text(const std::string& weights) {
  return Graph::parse(
      "tern-graph 1\nimage = input() shape=2x6x6\n"
      "c1 = conv2d(image) out=4 kernel=3 pad=1\nb1 = batch_norm(c1)\na1 = act(b1) kind=relu\n"
      "c2 = conv2d(a1) out=8 kernel=3 pad=1 weights=" +
      weights +
      "\nb2 = batch_norm(c2)\na2 = act(b2) kind=relu\n"
      "c3 = conv2d(a2) out=8 kernel=3 pad=1 weights=" +
      weights +
      "\nb3 = batch_norm(c3)\n"
      "g = global_avg_pool(b3)\nf = flatten(g)\nfc = linear(f) out=3\n");
}

/// A network, an Adam over all its parameters, and steps on random images.
struct Bench {
  explicit Bench(const std::string& weights, std::uint64_t seed = 2) : net(net_text(weights), seed) {
    rescale(net, RescaleGroups::kFilter);
    ParamGroup all{.name = "all", .params = {}};
    for (const Parameter& p : net.parameters()) all.params.push_back({p.name, p.value});
    optimizer = make_optimizer("adam", {all});
    images = Tensor::empty(Shape{12, 2, 6, 6});
    Rng rng(4);
    for (float& x : images.span<float>()) x = rng.normal();
    std::vector<std::int64_t> y(12);
    std::iota(y.begin(), y.end(), 0);
    for (auto& v : y) v %= 3;
    labels = Tensor::from(y, Shape{12});
    net.init_quantizers(images);
  }
  void steps(int n, double lr = 1e-2) {
    net.set_training(true);
    net.on_epoch_begin({});
    for (int i = 0; i < n; ++i) {
      net.before_step({.epoch = 0, .step = i});
      optimizer->zero_grad();
      backward(cross_entropy(net.forward(images), labels));
      optimizer->step(lr);
      net.after_step();
    }
  }
  Layer& layer(const char* name) { return net.layer(static_cast<std::size_t>(net.graph().find(name))); }

  Network net;
  std::unique_ptr<Optimizer> optimizer;
  Tensor images, labels;
};

}  // namespace tern::testing
