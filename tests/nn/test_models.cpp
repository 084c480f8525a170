// Every topology: counts of weights and multiplications that were worked out by hand, text form, forward and backward,
// names and options.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "begin_step.hpp"
#include "catch.hpp"
#include "nn/registry.hpp"
#include "random_normal.hpp"
#include "registration.hpp"
#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/nn.hpp"
#include "tern/ops.hpp"

using tern::Graph;
using tern::ModelOptions;
using tern::Network;
using tern::Shape;
using tern::Tensor;
using tern::testing::random_normal;

namespace {

ModelOptions small_options(const std::string& model, const std::string& weights, const std::string& acts) {
  ModelOptions o;
  o.weights = weights;
  o.acts = acts;
  o.width = model == "nin" ? 12 : model == "mlp" ? 16 : 4;
  return o;
}

/// Activations that the topology takes: logic gates want {0,1}.
std::vector<std::string> acts_for(const std::string& model) {
  if (model == "ornet_11" || model == "muxornet_11") return {"heaviside"};
  return {"ternary", "fatnn:mode=unsigned", "heaviside"};
}

bool all_finite(const Tensor& t) {
  for (const double v : t.to_vector()) {
    if (!std::isfinite(v)) return false;
  }
  return true;
}

std::set<std::string> parameter_names(const Network& net) {
  std::set<std::string> names;
  for (const auto& p : net.parameters()) {
    if (p.kind != tern::ParamKind::kQuantizer) names.insert(p.name);
  }
  return names;
}

}  // namespace

TEST_CASE("models: weights, parameters, quantized weights and multiply-accumulates of the table", "[nn]") {
  struct Row {
    std::string model;
    std::int64_t side, classes;
    std::map<std::string, std::string> extra;
    std::int64_t weights, parameters, quantized;
    double mmacs, quantized_mmacs;  // millions, as printed; 0: not printed
  };
  const Row rows[] = {
      {"vgg_small", 32, 10, {}, 4'656'512, 4'660'106, 4'571'136, 607.6, 604.0},
      {"vgg_7", 32, 10, {}, 12'973'440, 12'979'082, 12'959'744, 615.9, 612.4},
      {"vgg_11", 96, 10, {}, 3'140'288, 3'144'138, 3'133'440, 737.9, 721.9},
      {"ornet_11", 96, 10, {}, 3'140'288, 3'144'138, 3'133'440, 737.9, 721.9},
      {"muxornet_11", 96, 10, {}, 3'140'288, 3'144'138, 3'133'440, 737.9, 721.9},
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
      // Not in the table; the numbers of parameters are those of the publication (He et al. 2015, table 6, in 0.01 M:
      // 0.46, 0.66, 0.85) and of the pretrained ResNet-56.
      {"resnet32", 32, 10, {}, 0, 464'154, 0, 0, 0},
      {"resnet44", 32, 10, {}, 0, 658'586, 0, 0, 0},
      {"resnet56", 32, 10, {}, 0, 853'018, 0, 0, 0},
  };
  std::set<std::string> covered{"lenet", "mlp"};
  for (const Row& r : rows) {
    INFO(r.model << " at " << r.side);
    covered.insert(r.model);
    ModelOptions o;
    o.input = Shape{3, r.side, r.side};
    o.classes = r.classes;
    o.weights = "twn";
    o.acts = acts_for(r.model).back();
    o.extra = r.extra;
    const Network net(tern::make_model(r.model, o), 1);
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
    const auto printed = [](double mmacs) { return std::llround(10 * mmacs); };
    // The table was rounded in two steps: ResNet-18 has 553,648,128 and 1,695,547,392 quantized, printed 553.7 and
    // 1695.6.
    const auto rounded = [](std::int64_t n) {
      return std::llround(static_cast<double>(std::llround(static_cast<double>(n) / 1e4)) / 10);
    };
    CHECK(net.output_shape() == Shape{r.classes});
    if (r.weights) CHECK(weights == r.weights);
    if (r.parameters) CHECK(parameters == r.parameters);
    if (r.quantized) CHECK(quantized == r.quantized);
    if (r.mmacs > 0) CHECK(rounded(macs) == printed(r.mmacs));
    if (r.quantized_mmacs > 0) CHECK(rounded(quantized_macs) == printed(r.quantized_mmacs));
  }
  for (const auto& m : tern::models()) CHECK(covered.contains(m.key));
}

TEST_CASE("models: every row of the registry runs in training and evaluation and survives its own text", "[nn]") {
  const Tensor images = random_normal(Shape{4, 3, 32, 32}, 5);
  for (const auto& m : tern::models()) {
    std::vector<std::pair<std::string, std::string>> methods{{"none", "none"}, {"heq", "none"}};
    for (const std::string& a : acts_for(m.key)) methods.emplace_back("twn", a);
    for (const auto& [weights, acts] : methods) {
      INFO(m.key << ", weights " << weights << ", acts " << acts);
      const Graph graph = tern::make_model(m.key, small_options(m.key, weights, acts));
      const Graph again = Graph::parse(graph.format());
      CHECK(again.format() == graph.format());
      Network net(graph, 1), copy(again, 1);
      CHECK(net.quantized() == (weights != "none"));
      for (Network* n : {&net, &copy}) tern::testing::begin_step(*n, images);
      const Tensor y = net.forward(images);
      CHECK(y.shape() == Shape{4, 10});
      CHECK(all_finite(y));
      CHECK(copy.forward(images).to_vector() == y.to_vector());
      tern::backward(y, Tensor::full(y.shape(), 1.0));
      for (const auto& p : net.parameters()) {
        INFO(p.name);
        CHECK(p.value.grad().defined());
      }
      net.set_training(false);
      const Tensor z = net.forward(images);
      CHECK(z.shape() == Shape{4, 10});
      CHECK(all_finite(z));
    }
  }
}

TEST_CASE("models: quantized convolutions read codes in evaluation, whatever the topology", "[nn]") {
  const Tensor images = random_normal(Shape{2, 3, 32, 32}, 6);
  for (const auto& m : tern::models()) {
    for (const std::string& acts : acts_for(m.key)) {
      INFO(m.key << ", acts " << acts);
      Network net(tern::make_model(m.key, small_options(m.key, "twn", acts)), 1);
      std::map<std::string, bool> codes;
      net.set_tap([&](const tern::GraphNode& node, const tern::Value& v) {
        codes[node.name] = v.is_codes();
        if (!node.has("weights")) return;
        INFO(node.name);
        CHECK(codes.at(node.inputs[0]));
      });
      net.set_training(false);
      net.forward(images);
    }
  }
}

TEST_CASE("models: other images than those of the papers", "[nn]") {
  for (const auto& m : tern::models()) {
    if (m.key == "googlenet") continue;  // halves five times
    INFO(m.key);
    ModelOptions o = small_options(m.key, "none", "none");
    o.input = Shape{1, 28, 28};
    o.classes = 7;
    Network net(tern::make_model(m.key, o), 1);
    CHECK(net.forward(Tensor::full(Shape{1, 1, 28, 28}, 0.5)).shape() == Shape{1, 7});
  }
}

TEST_CASE("models: the quantized network has the parameter names of the full-precision one", "[nn]") {
  for (const auto& m : tern::models()) {
    INFO(m.key);
    const Network fp(tern::make_model(m.key, small_options(m.key, "none", "none")), 1);
    const Network q(tern::make_model(m.key, small_options(m.key, "ttq", acts_for(m.key).front())), 1);
    CHECK(parameter_names(fp) == parameter_names(q));
  }
}

TEST_CASE("models: names of well-known implementations, '_' for '.'", "[nn]") {
  const auto names = [](const std::string& model, const std::map<std::string, std::string>& extra = {}) {
    ModelOptions o;
    o.width = 4;
    o.extra = extra;
    return parameter_names(Network(tern::make_model(model, o), 1));
  };
  const auto resnet20 = names("resnet20", {{"shortcut", "B"}});
  for (const char* n :
       {"conv1.weight", "bn1.gamma", "layer1_0_conv1.weight", "layer1_2_bn2.beta", "layer2_0_downsample_0.weight",
        "layer2_0_downsample_1.gamma", "layer3_2_conv2.weight", "fc.weight", "fc.bias"}) {
    INFO(n);
    CHECK(resnet20.contains(n));
  }
  CHECK_FALSE(resnet20.contains("layer1_0_downsample_0.weight"));
  const auto resnet50 = names("resnet50");
  CHECK(resnet50.contains("layer1_0_downsample_0.weight"));
  CHECK(resnet50.contains("layer3_5_conv3.weight"));
  const auto googlenet = names("googlenet");
  for (const char* n : {"conv1_conv.weight", "conv3_bn.gamma", "inception3a_branch1_conv.weight",
                        "inception4e_branch2_1_bn.beta", "inception5b_branch4_1_conv.weight", "fc.weight"}) {
    INFO(n);
    CHECK(googlenet.contains(n));
  }
}

TEST_CASE("models: precision of first, last and shortcut layers", "[nn]") {
  const auto quantized = [](ModelOptions o) {
    std::set<std::string> names;
    const Graph g = tern::make_model("resnet18", o);
    for (const auto& node : g.nodes()) {
      if (node.has("weights")) names.insert(node.name);
    }
    return names;
  };
  ModelOptions o;
  o.weights = "twn";
  const auto standard = quantized(o);
  CHECK(standard.size() == 16 + 3);
  CHECK(standard.contains("layer2_0_downsample_0"));
  CHECK_FALSE(standard.contains("conv1"));
  CHECK_FALSE(standard.contains("fc"));
  o.fp_shortcut = true;
  CHECK(quantized(o).size() == 16);
  o.quantize_first_last = true;
  CHECK(quantized(o).size() == 18);
}

TEST_CASE("models: ReLU stays in front of unsigned quantizers and goes in front of signed ones", "[nn]") {
  const auto relus = [](const std::string& acts, const std::string& mode) {
    ModelOptions o;
    o.acts = acts;
    o.extra["relu"] = mode;
    int count = 0;
    const Graph g = tern::make_model("resnet20", o);
    for (const auto& node : g.nodes()) count += node.op == "act";
    return count;
  };
  CHECK(relus("none", "auto") == 19);
  CHECK(relus("fatnn:mode=unsigned", "auto") == 19);
  CHECK(relus("ternary", "auto") == 1);  // behind the last block, where nothing quantizes
  CHECK(relus("ternary", "1") == 19);
  CHECK(relus("fatnn:mode=unsigned", "0") == 1);
}

TEST_CASE("models: PReLU in place of every ReLU, in front of the quantizers", "[nn]") {
  const auto nodes = [](const std::string& model, const std::string& acts, const std::string& relu) {
    ModelOptions o = small_options(model, acts == "none" ? "none" : "totnet", acts);
    o.extra["relu"] = relu;
    std::vector<std::string> out;
    const Graph g = tern::make_model(model, o);
    for (const auto& node : g.nodes()) {
      if (node.op == "act") out.push_back(node.text("kind"));
      if (node.op == "quantize") out.push_back("quantize");
    }
    return out;
  };
  using Ops = std::vector<std::string>;
  CHECK(nodes("mlp", "totnet", "prelu") == Ops{"prelu", "quantize", "prelu", "quantize"});
  CHECK(nodes("mlp", "totnet", "1") == Ops{"relu", "quantize", "relu", "quantize"});
  CHECK(nodes("mlp", "totnet", "auto") == Ops{"quantize", "quantize"});
  CHECK(nodes("mlp", "none", "prelu") == Ops{"prelu", "prelu"});
  CHECK(nodes("mlp", "none", "auto") == Ops{"relu", "relu"});
  Ops resnet = nodes("resnet20", "totnet", "prelu");
  CHECK(std::count(resnet.begin(), resnet.end(), "prelu") == 19);
  CHECK(std::count(resnet.begin(), resnet.end(), "quantize") == 18);
  CHECK(std::count(resnet.begin(), resnet.end(), "relu") == 0);
  // It trains: a slope a channel, a quarter at first.
  ModelOptions o = small_options("vgg_small", "totnet", "totnet");
  o.extra["relu"] = "prelu";
  Network net(tern::make_model("vgg_small", o), 1);
  tern::testing::begin_step(net);
  tern::backward(tern::sum(net.forward(random_normal(Shape{2, 3, 32, 32}, 5))));
  int slopes = 0;
  for (const tern::Parameter& p : net.parameters()) {
    if (!p.name.ends_with(".slope")) continue;
    ++slopes;
    CHECK(p.kind == tern::ParamKind::kNorm);
    CHECK(p.value.to_vector() == std::vector<double>(static_cast<std::size_t>(p.value.numel()), 0.25));
    double size = 0;
    for (const double g : p.value.grad().to_vector()) size += std::abs(g);
    CHECK(size > 0);
  }
  CHECK(slopes == 6);
  ModelOptions twin = small_options("ornet_11", "none", "none");
  twin.extra["relu"] = "prelu";
  CHECK_THROWS_WITH(tern::make_model("ornet_11", twin), ContainsSubstring("need activations >= 0"));
}

TEST_CASE("models: the choice of MUX may pass no gradient", "[nn]") {
  for (const std::string stop : {"0", "1"}) {
    ModelOptions o = small_options("muxornet_11", "heq", "heaviside");
    o.extra["tgap_stop_grad"] = stop;
    int found = 0;
    const Graph g = tern::make_model("muxornet_11", o);
    for (const auto& node : g.nodes()) {
      if (node.op == "tgap") found += node.flag("stop_grad", false) == (stop == "1");
    }
    CHECK(found == 3);
  }
}

TEST_CASE("models: options for every topology", "[nn]") {
  ModelOptions o;
  o.extra = {{"bn_eps", "0.01"}, {"bn_momentum", "0.05"}};
  for (const char* model : {"vgg_small", "googlenet"}) {
    const Graph g = tern::make_model(model, o);
    for (const auto& node : g.nodes()) {
      if (node.op != "batch_norm") continue;
      CHECK(node.text("eps") == "0.01");
      CHECK(node.text("momentum") == "0.05");
    }
  }
  const Graph g = tern::make_model("googlenet", {});
  CHECK(g.nodes().at(static_cast<std::size_t>(g.find("conv1_bn"))).text("eps") == "0.001");
  o.extra = {{"order", "bn_act_conv"}};
  const Graph v = tern::make_model("vgg_small", o);
  CHECK(v.nodes().at(static_cast<std::size_t>(v.find("pool1"))).inputs.at(0) == "conv2");
}

TEST_CASE("models: stem by image size", "[nn]") {
  const auto stem = [](std::int64_t side, const std::string& kind) {
    ModelOptions o;
    o.input = Shape{3, side, side};
    if (!kind.empty()) o.extra["stem"] = kind;
    return tern::make_model("resnet18", o).nodes().at(1).integer("kernel");
  };
  CHECK(stem(64, "") == 3);
  CHECK(stem(96, "") == 7);
  CHECK(stem(96, "cifar") == 3);
  CHECK(stem(64, "imagenet") == 7);
}

TEST_CASE("models: what cannot be built is refused with the reason", "[nn]") {
  CHECK_THROWS_WITH(tern::make_model("vgg", {}),
                    ContainsSubstring("unknown model \"vgg\"; did you mean \"vgg_7\"? known: vgg_small"));
  const auto fails = [](const char* model, const char* key, const char* value, const char* reason) {
    INFO(model << " " << key << "=" << value);
    ModelOptions o;
    o.extra[key] = value;
    CHECK_THROWS_WITH(tern::make_model(model, o), ContainsSubstring(reason));
  };
  fails("mlp", "shortcut", "B", "unknown option of this topology \"shortcut\"; known: bn_eps, bn_momentum, image");
  fails("resnet18", "k5", "5",
        "unknown option of this topology \"k5\"; known: bn_eps, bn_momentum, image, shortcut, stem, ");
  fails("resnet20", "shortcut", "C", "expected shortcut to be one of A, B; got \"C\"");
  fails("alexnet", "dropout", "1", "expected dropout to be a number in [0, 1); got \"1\"");
  fails("alexnet", "dropout", "half", "got \"half\"");
  ModelOptions o;
  o.acts = "ternary";
  CHECK_THROWS_WITH(tern::make_model("ornet_11", o), ContainsSubstring("{0,1}"));
  o = {};
  o.classes = 0;
  CHECK_THROWS_WITH(tern::make_model("mlp", o), ContainsSubstring("classes >= 1"));
  o = {};
  o.input = Shape{3, 32};
  CHECK_THROWS_WITH(tern::make_model("mlp", o), ContainsSubstring("CxHxW"));
}

TEST_CASE("register_model: a topology from outside", "[nn][register]") {
  tern::testing::check_registration(
      tern::model_registry(),
      [](const std::string& name, bool whole) {
        tern::register_model(
            name, "one dense layer", !whole ? tern::ModelFactory() : [](const ModelOptions& o) {
              Graph g;
              g.add("input", {}, {{"shape", o.input.str()}}, "image");
              g.add("flatten", {"image"}, {}, "f");
              g.add("linear", {"f"}, {{"out", std::to_string(o.classes)}, {"weights", o.weights}}, "fc");
              return g;
            });
      },
      tern::models, [](const tern::RegistryInfo& row) { return row.key; },
      [](const std::string& name) {
        Network net(tern::make_model(name, small_options(name, "twn", "none")), 1);
        CHECK(net.forward(random_normal(Shape{4, 3, 32, 32}, 5)).shape() == Shape{4, 10});
        CHECK(tern::summarize(net).back().weights == 3 * 32 * 32 * 10);
      });
}
