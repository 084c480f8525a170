// Every row of the list of layers, by its samples.
#include <algorithm>
#include <cmath>

#include "begin_step.hpp"
#include "catch.hpp"
#include "core/tensor_impl.hpp"
#include "gradcheck.hpp"
#include "layer_samples.hpp"
#include "nn/registry.hpp"
#include "random_normal.hpp"
#include "registration.hpp"
#include "tern/autograd.hpp"
#include "tern/nn.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

using tern::Graph;
using tern::Network;
using tern::Shape;
using tern::Tensor;
using tern::testing::kLayerSamples;
using tern::testing::LayerSample;
using tern::testing::random_normal;

namespace {

const Shape kImages{5, 3, 6, 6};

std::vector<tern::GraphNode> given_nodes(const Network& net) {
  std::vector<tern::GraphNode> out;
  for (const tern::GraphNode& node : net.graph().nodes()) {
    if (node.op == "given") out.push_back(node);
  }
  return out;
}

Network network_of(Graph graph, std::uint64_t seed) {
  Network net(std::move(graph), seed);
  net.set_drop_path(0.3);
  for (const tern::GraphNode& node : given_nodes(net)) {
    net.give(node.name, random_normal(Shape::parse(node.text("shape")), 4));
  }
  return net;
}

bool has_op(const Network& net, const std::string& op) {
  const auto& nodes = net.graph().nodes();
  return std::any_of(nodes.begin(), nodes.end(), [&](const tern::GraphNode& node) { return node.op == op; });
}

std::vector<double> evaluation(Network& net) {
  net.set_training(false);
  return net.forward(random_normal(kImages, 3)).to_vector();
}

// A step of training and then an evaluation: results, gradients, running statistics, all in a row.
std::vector<double> everything(Network& net) {
  std::vector<double> all;
  const auto keep = [&](const Tensor& t) {
    for (const double v : t.to_vector()) all.push_back(v);
  };
  const Tensor x = random_normal(kImages, 3).set_requires_grad(true);
  tern::testing::begin_step(net, x);
  const Tensor y = net.forward(x);
  const Shape image = net.output_shape();
  std::vector<std::int64_t> extents{kImages[0]};
  for (const std::int64_t e : image.extents()) extents.push_back(e);
  REQUIRE(y.shape() == Shape(extents));
  keep(y);
  tern::backward(tern::sum(tern::mul(y, random_normal(y.shape(), 7))));
  REQUIRE(x.grad().defined());
  keep(x.grad());
  for (const tern::Parameter& p : net.parameters()) {
    CAPTURE(p.name);
    REQUIRE(p.value.grad().defined());
    keep(p.value.grad());
  }
  net.after_step();
  for (const tern::NamedTensor& t : net.state()) keep(t.value);
  for (const double v : evaluation(net)) all.push_back(v);
  return all;
}

// Makes the parameter a copy of `value` that passes its gradient on. Layers hold float32; this is how they get double.
void hand_over(const Tensor& parameter, const Tensor& value) {
  const auto pass_on = [](const Tensor& dy) { return std::vector<Tensor>{dy}; };
  *parameter.impl() = *tern::record("parameter", value.detach(), {value}, pass_on).impl();
}

// By images, parameters and given values of a training pass.
void check_gradients(Network& net) {
  const std::vector<tern::Parameter> parameters = net.parameters();
  const std::vector<tern::GraphNode> given = given_nodes(net);
  std::vector<Tensor> inputs;
  const auto add = [&](const Shape& shape) { inputs.push_back(tern::testing::random(shape, inputs.size() + 1)); };
  add(kImages.with(0, 2));
  for (const tern::Parameter& p : parameters) add(p.value.shape());
  for (const tern::GraphNode& node : given) add(Shape::parse(node.text("shape")));
  net.set_training(true);
  const auto pass = [&](const std::vector<Tensor>& x) {
    auto next = x.begin() + 1;
    for (const tern::Parameter& p : parameters) hand_over(p.value, *next++);
    for (const tern::GraphNode& node : given) net.give(node.name, *next++);
    net.rng().set_position(0);
    return net.forward(x[0]);
  };
  tern::testing::gradcheck(pass, inputs);
}

}  // namespace

TEST_CASE("layers: every row has a sample", "[nn][walk]") {
  for (const tern::RegistryInfo& layer : tern::layers()) {
    if (std::none_of(kLayerSamples.begin(), kLayerSamples.end(),
                     [&](const LayerSample& s) { return s.op == layer.key; }))
      FAIL_CHECK("tests/support/layer_samples.hpp has no sample of the layer \"" << layer.key << "\"");
  }
  for (const LayerSample& sample : kLayerSamples) {
    INFO(sample.op << ": " << sample.lines);
    CHECK(has_op(network_of(sample_graph(sample), 1), sample.op));
  }
}

TEST_CASE("layers: every row refuses to stand without inputs", "[nn][walk]") {
  for (const tern::RegistryInfo& layer : tern::layers()) {
    if (layer.key == "input" || layer.key == "given") continue;
    INFO(layer.key);
    for (const LayerSample& sample : kLayerSamples) {
      if (sample.op != layer.key) continue;
      const std::string call = layer.key + "(";
      std::string lines = sample.lines;
      const std::size_t open = lines.rfind(call) + call.size();
      lines.erase(open, lines.find(')', open) - open);
      INFO(lines);
      CHECK_THROWS_AS(network_of(tern::testing::sample_graph({sample.op, lines}), 1), tern::Error);
    }
  }
}

TEST_CASE("layers: every row trains and evaluates finitely, in the same bits on 1 and 3 threads", "[nn][walk]") {
  const int threads = tern::num_threads();
  for (const LayerSample& sample : kLayerSamples) {
    INFO(sample.op << ": " << sample.lines);
    std::vector<std::vector<double>> runs;
    for (const int n : {1, 3}) {
      tern::set_num_threads(n);
      Network net = network_of(sample_graph(sample), 1);
      runs.push_back(everything(net));
    }
    for (const double v : runs[0]) REQUIRE(std::isfinite(v));
    CHECK(runs[0] == runs[1]);
  }
  tern::set_num_threads(threads);
}

TEST_CASE("layers: gradients of every row are those of finite differences", "[nn][walk]") {
  std::set<std::string> checked = tern::testing::kEstimators;
  for (const LayerSample& sample : kLayerSamples) {
    INFO(sample.op << ": " << sample.lines);
    Network net = network_of(sample_graph(sample, false), 1);
    if (net.quantized()) continue;
    check_gradients(net);
    checked.insert(sample.op);
  }
  for (const tern::RegistryInfo& layer : tern::layers()) {
    INFO("tests/support/layer_samples.hpp has no sample of the layer \"" << layer.key << "\" without quantizers");
    CHECK(checked.contains(layer.key));
  }
}

TEST_CASE("layers: every row's state carries over to another network", "[nn][walk]") {
  for (const LayerSample& sample : kLayerSamples) {
    INFO(sample.op << ": " << sample.lines);
    Network a = network_of(sample_graph(sample), 1), b = network_of(sample_graph(sample), 2);
    everything(a);
    const auto from = a.state(), to = b.state();
    REQUIRE(from.size() == to.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      CHECK(from[i].name == to[i].name);
      to[i].value.copy_from(from[i].value);
    }
    CHECK(evaluation(a) == evaluation(b));
  }
}

TEST_CASE("register_layer: a layer from outside", "[nn][register]") {
  struct Twice final : tern::Layer {
    explicit Twice(Shape shape) : shape_(shape) {}
    tern::Value forward(const std::vector<tern::Value>& in, const tern::ForwardContext&) override {
      return {tern::add(in[0].t, in[0].t)};
    }
    Shape output_shape() const override { return shape_; }
    Shape shape_;
  };
  const auto build = [](const std::string& op) {
    return network_of(tern::testing::sample_graph({op, "x = " + op + "(image)"}), 1);
  };
  tern::testing::check_registration(
      tern::layer_registry(),
      [](const std::string& name, bool whole) {
        tern::register_layer(
            name, "twice the input", !whole ? tern::LayerFactory() : [](const tern::LayerPlace& at) {
              return std::make_unique<Twice>(at.inputs.at(0));
            });
      },
      tern::layers, [](const tern::RegistryInfo& row) { return row.key; },
      [&](const std::string& name) {
        Network net = build(name);
        const std::vector<double> x = random_normal(kImages, 3).to_vector(), y = evaluation(net);
        for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(y[i] == 2 * x[i]);
      });
}
