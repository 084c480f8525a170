// Counts of every topology against the table of published and recomputed figures.
#include <map>

#include "catch.hpp"
#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/nn.hpp"

using tern::Graph;
using tern::ModelOptions;
using tern::Network;
using tern::Shape;
using tern::Tensor;

namespace {

struct Row {
  std::string model;
  std::int64_t side, classes;
  std::map<std::string, std::string> extra;
  std::int64_t weights, parameters, quantized;
  double mmacs, quantized_mmacs;  // in millions, as printed; 0: not printed
};

ModelOptions options_of(const Row& r) {
  ModelOptions o;
  o.input = Shape{3, r.side, r.side};
  o.classes = r.classes;
  o.weights = "twn";
  o.acts = "ternary";
  o.extra = r.extra;
  return o;
}

}  // namespace

TEST_CASE("models: weights, parameters and multiply-accumulates of the table", "[nn]") {
  const Row rows[] = {
      {"vgg_small", 32, 10, {}, 4'656'512, 4'660'106, 4'571'136, 607.6, 604.0},
      {"vgg_7", 32, 10, {}, 12'973'440, 12'979'082, 12'959'744, 615.9, 612.4},
      {"nin", 32, 10, {}, 965'568, 968'606, 949'248, 222.5, 207.6},
      {"resnet20", 32, 10, {}, 268'336, 269'722, 267'264, 40.6, 0},
      {"resnet20", 32, 10, {{"shortcut", "B"}}, 270'896, 272'474, 269'824, 40.8, 0},
      {"resnet18", 32, 10, {}, 11'164'352, 11'173'962, 11'157'504, 555.4, 553.7},
      {"resnet34", 32, 10, {}, 21'265'088, 21'282'122, 21'258'240, 1159.4, 1157.6},
      {"resnet50", 32, 10, {}, 23'467'712, 23'520'842, 23'445'504, 1297.8, 1296.0},
      {"resnet18", 224, 1000, {}, 11'678'912, 11'689'512, 11'157'504, 1814.1, 1695.6},
      {"resnet34", 224, 1000, {}, 21'779'648, 21'797'672, 21'258'240, 3663.8, 3545.2},
      {"resnet50", 224, 1000, {}, 25'502'912, 25'557'032, 23'445'504, 4089.2, 3969.1},
      {"googlenet", 224, 1000, {}, 6'609'344, 6'624'904, 5'575'936, 1498.4, 1379.3},
      {"googlenet", 224, 1000, {{"k5", "5"}}, 6'990'272, 0, 0, 0, 0},
      {"alexnet", 32, 10, {}, 23'262'912, 23'281'610, 23'220'224, 62.7, 62.3},
      {"resnet56", 32, 10, {}, 0, 853'018, 0, 0, 0},
  };
  for (const Row& r : rows) {
    INFO(r.model << " at " << r.side);
    const Network net(tern::make_model(r.model, options_of(r)), 1);
    std::int64_t weights = 0, parameters = 0, quantized = 0, macs = 0, quantized_macs = 0;
    for (const auto& l : tern::summarize(net)) {
      weights += l.weights;
      parameters += l.parameters;
      macs += l.macs;
      if (l.quantized) {
        quantized += l.weights;
        quantized_macs += l.macs;
      }
    }
    CHECK(net.output_shape() == Shape{r.classes});
    if (r.weights) CHECK(weights == r.weights);
    if (r.parameters) CHECK(parameters == r.parameters);
    if (r.quantized) CHECK(quantized == r.quantized);
    if (r.mmacs > 0) CHECK(static_cast<double>(macs) / 1e6 == Approx(r.mmacs).margin(0.051));
    if (r.quantized_mmacs > 0) CHECK(static_cast<double>(quantized_macs) / 1e6 == Approx(r.quantized_mmacs).margin(0.051));
  }
}

TEST_CASE("models: every row of the registry builds, runs and survives its own text, fp32 and quantized", "[nn]") {
  for (const auto& info : tern::models()) {
    for (const bool quantized : {false, true}) {
      INFO(info.key << (quantized ? ", quantized" : ""));
      ModelOptions o;
      o.input = Shape{3, 32, 32};
      o.width = info.key == "googlenet" || info.key == "nin" ? 0 : 4;
      o.weights = quantized ? "twn" : "none";
      o.acts = quantized ? "fatnn:mode=unsigned" : "none";
      const Graph graph = tern::make_model(info.key, o);
      CHECK(Graph::parse(graph.format()).format() == graph.format());
      Network net(graph, 1);
      CHECK(net.quantized() == quantized);
      const Tensor images = Tensor::full(Shape{2, 3, 32, 32}, 0.5);
      net.set_training(true);
      const Tensor y = net.forward(images);
      CHECK(y.shape() == Shape{2, 10});
      tern::backward(y, Tensor::full(y.shape(), 1.0));
      for (const auto& p : net.parameters()) {
        INFO(p.name);
        CHECK(p.value.grad().defined());
      }
      net.set_training(false);
      CHECK(net.forward(images).shape() == Shape{2, 10});
    }
  }
}

TEST_CASE("models: names and options that do not exist are named", "[nn]") {
  CHECK_THROWS_WITH(tern::make_model("vgg", {}), ContainsSubstring("unknown model \"vgg\"; known: vgg_small"));
  ModelOptions o;
  o.extra["shortcut"] = "B";
  CHECK_THROWS_WITH(tern::make_model("vgg_small", o), ContainsSubstring("unknown option \"shortcut\" of this topology"));
  o.extra["shortcut"] = "C";
  CHECK_THROWS_WITH(tern::make_model("resnet20", o), ContainsSubstring("shortcut=A or shortcut=B"));
}
