// Candidates, cells and networks: shapes, counts, and that everything trains.
#include <algorithm>
#include <cmath>
#include <set>

#include "begin_step.hpp"
#include "catch.hpp"
#include "nas/registry.hpp"
#include "random_normal.hpp"
#include "registration.hpp"
#include "tern/autograd.hpp"
#include "tern/convert.hpp"
#include "tern/error.hpp"
#include "tern/nas.hpp"
#include "tern/ops.hpp"

using namespace tern;
using tern::testing::random_normal;

namespace {

nas::CellOptions tiny(const std::string& space) {
  nas::CellOptions o;
  o.space = space;
  o.cells = 3;
  o.width = 4;
  o.input = Shape{2, 8, 8};
  o.classes = 3;
  return o;
}

// A gradient reaches the image and every parameter.
void check_gradients(Network& net) {
  const Tensor x = random_normal(Shape{3, 4, 8, 8}, 6).set_requires_grad(true);
  tern::testing::begin_step(net, x);
  const Tensor y = net.forward(x);
  backward(sum(mul(y, random_normal(y.shape(), 7))));
  const auto moves = [](const Tensor& gradient) {
    double sum = 0;
    for (const double g : gradient.to_vector()) sum += std::abs(g);
    return std::isfinite(sum) && sum > 0;
  };
  CHECK(moves(x.grad()));
  for (const Parameter& p : net.parameters()) {
    INFO(p.name);
    REQUIRE(p.value.grad().defined());
    CHECK((p.kind == ParamKind::kQuantizer || moves(p.value.grad())));
  }
}

nas::CellGenotype cell_of(const std::vector<std::pair<std::string, int>>& choices) {
  nas::CellGenotype out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = {choices.at(i).first, choices.at(i).second};
  return out;
}

// "A" of the binary search, with the names of our space.
nas::Genotype bnas_a() {
  return {
      .space = "binary",
      .cell_template = "tas",
      .normal = cell_of(
          {{"zero", 1}, {"bdil3", 0}, {"bconv3", 1}, {"zero", 2}, {"zero", 2}, {"zero", 3}, {"zero", 3}, {"zero", 4}}),
      .reduce = cell_of(
          {{"max3", 0}, {"zero", 1}, {"max3", 0}, {"zero", 2}, {"zero", 3}, {"zero", 2}, {"zero", 3}, {"zero", 4}})};
}

// All eight edges of a normal cell: `convs` times tconv3, else max3; reduction cells of pools.
nas::Genotype ternary_with(int convs) {
  nas::Genotype g{.space = "tas", .cell_template = "tas", .normal = {}, .reduce = {}};
  for (std::size_t i = 0; i < g.normal.size(); ++i) {
    g.normal[i] = {static_cast<int>(i) < convs ? "tconv3" : "max3", static_cast<int>(i % 2)};
    g.reduce[i] = {"max3", static_cast<int>(i % 2)};
  }
  return g;
}

}  // namespace

TEST_CASE("candidates: every one keeps or halves the image, in search and in the final network", "[nas]") {
  for (const nas::Candidate& c : nas::candidates()) {
    for (const std::int64_t stride : {1, 2}) {
      for (const bool searching : {true, false}) {
        INFO(c.key << " stride " << stride << (searching ? " searching" : " final"));
        Graph g;
        g.add("input", {}, {{"shape", "4x8x8"}}, "image");
        const nas::EdgePlace at{.graph = g,
                                .input = "image",
                                .prefix = "op",
                                .channels = 4,
                                .stride = stride,
                                .searching = searching,
                                .weights = "twn",
                                .acts = "ternary"};
        const std::string y = c.build(at);
        if (c.key == "zero") {
          CHECK(y.empty());
          continue;
        }
        Network net(g, 1);
        CHECK(net.output_shape() == Shape{4, 8 / stride, 8 / stride});
        check_gradients(net);
        bool weights = false;
        for (const Parameter& p : net.parameters()) {
          weights = weights || p.kind == ParamKind::kWeight;
          CHECK((p.kind != ParamKind::kNorm || !searching));
        }
        CHECK(weights == (c.has_weights || (c.key == "skip" && stride == 2)));
      }
    }
  }
}

TEST_CASE("candidates: convolution weights as the table of the space says", "[nas]") {
  const auto weights = [](const char* key) {
    Graph g;
    g.add("input", {}, {{"shape", "4x8x8"}}, "image");
    nas::candidate(key).build({.graph = g,
                               .input = "image",
                               .prefix = "op",
                               .channels = 4,
                               .stride = 1,
                               .searching = true,
                               .weights = "tas",
                               .acts = "tas"});
    return nas::count_weights(g).all;
  };
  CHECK(weights("max3") == 0);
  CHECK(weights("tconv3") == 9 * 16);
  CHECK(weights("tconv5") == 25 * 16);
  CHECK(weights("tdil3") == 9 * 16);
  CHECK(weights("tdil5") == 25 * 16);
  CHECK(weights("sep3") == 2 * (9 * 4 + 16));
  CHECK(weights("dil5") == 25 * 4 + 16);
}

TEST_CASE("factorized reduce sees every second pixel in both directions, even and odd ones", "[nas]") {
  Graph g;
  g.add("input", {}, {{"shape", "1x4x4"}}, "image");
  g.add("shift", {"image"}, {{"by", "1"}}, "odd");
  g.add("conv2d", {"odd"}, {{"out", "1"}, {"kernel", "1"}, {"stride", "2"}, {"init", "ones"}}, "y");
  Network net(g, 1);
  net.set_training(true);
  Tensor x = Tensor::empty(Shape{1, 1, 4, 4});
  for (int i = 0; i < 16; ++i) x.data<float>()[i] = static_cast<float>(i);
  CHECK(net.forward(x).to_vector() == std::vector<double>{5, 7, 13, 15});
}

TEST_CASE("spaces: every row names candidates that there are", "[nas]") {
  CHECK_THROWS_WITH(nas::candidate("tconv7"), ContainsSubstring("did you mean \"tconv3\"? known: zero, max3"));
  CHECK_THROWS_WITH(nas::space("lego"), ContainsSubstring("known: tas, darts, binary"));
  for (const nas::SearchSpace& s : nas::spaces()) {
    for (const std::string& op : s.ops) CHECK(nas::candidate(op).key == op);
  }
}

TEST_CASE("register_candidate, register_space: from outside", "[nas][register]") {
  const auto add_candidate = [](const std::string& key, bool whole) {
    nas::register_candidate({key, "act, 1x1 convolution, batch norm", true,
                             !whole ? nas::CandidateBuilder() : [](const nas::EdgePlace& at) {
                               const std::string a = at.add("_act", "quantize", at.input, {{"acts", at.acts}});
                               const std::string c = at.add("_conv", "conv2d", a,
                                                            {{"out", std::to_string(at.channels)},
                                                             {"kernel", "1"},
                                                             {"stride", std::to_string(at.stride)},
                                                             {"weights", at.weights}});
                               return at.add("_bn", "batch_norm", c, {{"affine", at.searching ? "0" : "1"}});
                             }});
  };
  const auto space_of = [](const std::string& key, const std::string& op) {
    nas::SearchSpace mine = nas::space("tas");
    mine.key = key;
    mine.ops = {"zero", "max3", op};
    return mine;
  };
  tern::testing::check_registration(
      nas::candidate_registry(), add_candidate, nas::candidates, [](const nas::Candidate& row) { return row.key; },
      [&](const std::string& op) {
        nas::candidate(op);
        tern::testing::check_registration(
            nas::space_registry(),
            [&](const std::string& key, bool whole) {
              nas::SearchSpace mine = space_of(key, op);
              if (!whole) mine.ops.clear();
              nas::register_space(mine);
            },
            nas::spaces, [](const nas::SearchSpace& row) { return row.key; },
            [&](const std::string& key) {
              nas::Supernet net(tiny(key), 1);
              CHECK(net.network().output_shape() == Shape{3});
              CHECK(net.alphas()[0].value.shape() == Shape{14, 3});
              const nas::Genotype g = nas::discretize(tiny(key), net.probabilities());
              CHECK(Network(nas::final_graph(g, tiny(key)), 1).output_shape() == Shape{3});
            });
      });
  CHECK_THROWS_WITH(nas::register_space(space_of("for_a_test", "tconv7")),
                    ContainsSubstring("unknown candidate operation \"tconv7\""));
}

TEST_CASE("structure: BNAS-A with width 36 has exactly the parameters its authors print", "[nas][golden]") {
  nas::CellOptions o;
  o.space = "binary";
  const nas::WeightCount n = nas::count_weights(nas::final_graph(bnas_a(), o));
  CHECK(n.parameters == 5578252);
  CHECK(n.quantized == 4708368);
}

TEST_CASE("structure: BNAS-A at 1 bit compresses ResNet-18 64.4 times as papers count, 11.3 times with what stays fp32",
          "[nas][golden]") {
  nas::CellOptions o;
  o.space = "binary";
  const Network network(nas::final_graph(bnas_a(), o), 1);
  double weights = 0;
  for (const LayerSummary& l : summarize(network)) weights += static_cast<double>(l.weights);
  CHECK(32 * 11'164'352 / weights == Approx(64.4).margin(0.05));
  const packed::Compression c = packed::compression(pack(network), 1);
  CHECK(c.bits == 1);
  CHECK(c.paper == Approx(65.0).margin(0.05));  // a layer that nothing reads is not packed
  CHECK(c.strict == Approx(11.3).margin(0.05));
}

TEST_CASE("structure: the paper's network under search has 15,455,248 weights", "[nas][golden]") {
  nas::CellOptions o;
  o.cells = 8;
  o.width = 16;
  CHECK(nas::count_weights(nas::supernet_graph(o)).all == 15455248);
}

TEST_CASE("structure: weights of the final network against the table", "[nas][golden]") {
  nas::CellOptions o;
  const std::pair<int, double> rows[] = {{0, 1.77}, {1, 3.24}, {2, 4.71}, {4, 7.65}, {8, 13.53}};
  for (const auto& [convs, millions] : rows) {
    INFO(convs << " convolutions");
    const nas::WeightCount n = nas::count_weights(nas::final_graph(ternary_with(convs), o));
    CHECK(static_cast<double>(n.quantized) / 1e6 == Approx(millions).margin(0.005));
    CHECK(static_cast<double>(n.all - n.quantized) / 1e6 == Approx(0.838).margin(0.0005));
  }
  const std::tuple<int, double, double> widths[] = {{16, 2.67, 0.168}, {20, 4.17, 0.261}, {24, 6.01, 0.374}};
  for (const auto& [width, quantized, rest] : widths) {
    o.width = width;
    const nas::WeightCount n = nas::count_weights(nas::final_graph(ternary_with(8), o));
    CHECK(static_cast<double>(n.quantized) / 1e6 == Approx(quantized).margin(0.005));
    CHECK(static_cast<double>(n.all - n.quantized) / 1e6 == Approx(rest).margin(0.0006));
  }
}

TEST_CASE("width for a budget: the largest even one that fits", "[nas]") {
  nas::CellOptions o;
  o.cells = 6;
  const std::int64_t width = nas::width_for_budget(ternary_with(4), o, 400000);
  const auto weights = [&](std::int64_t w) {
    o.width = w;
    return nas::count_weights(nas::final_graph(ternary_with(4), o)).all;
  };
  CHECK(width % 2 == 0);
  CHECK(weights(width) <= 400000);
  CHECK(weights(width + 2) > 400000);
  CHECK_THROWS_AS(nas::width_for_budget(ternary_with(4), o, 10), ValueError);
}

TEST_CASE("reductions stand at one and two thirds", "[nas]") {
  nas::CellOptions o;
  const auto list = [&](std::int64_t cells) {
    o.cells = cells;
    std::vector<std::int64_t> out;
    for (std::int64_t k = 0; k < cells; ++k) {
      if (nas::is_reduction(o, k)) out.push_back(k);
    }
    return out;
  };
  CHECK(list(8) == std::vector<std::int64_t>{2, 5});
  CHECK(list(20) == std::vector<std::int64_t>{6, 13});
  CHECK(list(3) == std::vector<std::int64_t>{1, 2});
}

TEST_CASE("every space, template and skip gives a network that trains", "[nas]") {
  const Tensor images = random_normal(Shape{6, 2, 8, 8}, 3);
  const Tensor labels = Tensor::from(std::vector<std::int64_t>{0, 1, 2, 0, 1, 2}, Shape{6});
  for (const char* space : {"tas", "darts", "binary"}) {
    for (const std::string& shape : nas::cell_templates()) {
      for (const std::string& skip : nas::reduction_skips()) {
        INFO(space << ' ' << shape << ' ' << skip);
        nas::CellOptions o = tiny(space);
        o.cell_template = shape;
        o.reduction_skip = skip;
        nas::Supernet net(o, 1);
        tern::testing::begin_step(net.network(), images);
        backward(cross_entropy(net.forward(images), labels));
        for (const NamedTensor& a : net.alphas()) {
          REQUIRE(a.value.grad().defined());
          double norm = 0;
          for (const double g : a.value.grad().to_vector()) norm += g * g;
          CHECK(norm > 0);
        }
        for (const Parameter& p : net.weights()) {
          INFO(p.name);
          CHECK(p.value.grad().defined());
        }
        Rng rng(5);
        Network final_net(nas::final_graph(nas::random_genotype(o, rng), o), 1);
        final_net.set_drop_path(0.2);
        tern::testing::begin_step(final_net, images);
        backward(cross_entropy(final_net.forward(images), labels));
      }
    }
  }
}

TEST_CASE("skip between cells: there in tas and resnet, not in darts", "[nas]") {
  const auto sums = [](const std::string& shape) {
    nas::CellOptions o = tiny("tas");
    o.cell_template = shape;
    const Graph g = nas::final_graph(ternary_with(1), o);
    return std::count_if(g.nodes().begin(), g.nodes().end(),
                         [](const GraphNode& n) { return n.op == "add" && n.name.find('_') == std::string::npos; });
  };
  CHECK(sums("tas") == 2);
  CHECK(sums("resnet") == 2);
  CHECK(sums("darts") == 0);
}

TEST_CASE("zero edges: their channels stay, their nodes go; a cell of nothing is its skip or an error", "[nas]") {
  nas::CellOptions o = tiny("tas");
  nas::Genotype g = ternary_with(0);
  for (const std::size_t i : {0u, 1u, 4u, 5u}) g.normal[i].op = "zero";  // nodes 2 and 4
  const Graph graph = nas::final_graph(g, o);
  Network net(graph, 1);
  CHECK(net.output_shape() == Shape{3});
  CHECK(graph.format().find("zero") == std::string::npos);
  CHECK(net.layer(static_cast<std::size_t>(graph.find("c0_cat"))).output_shape()[0] == 16);
  // the empty channels are zero
  tern::testing::begin_step(net);
  net.set_tap([](const GraphNode& node, const Value& v) {
    if (node.name != "c0_cat") return;
    const std::int64_t pixels = v.t.size(2) * v.t.size(3);
    const auto x = v.t.contiguous();
    double empty = 0, full = 0;
    for (std::int64_t c = 0; c < 16; ++c) {
      for (std::int64_t i = 0; i < pixels; ++i)
        (c / 4 % 2 == 0 ? empty : full) += std::abs(x.data<float>()[c * pixels + i]);
    }
    CHECK(empty == 0);
    CHECK(full > 0);
  });
  net.forward(random_normal(Shape{1, 2, 8, 8}, 3));

  for (nas::Choice& c : g.reduce) c.op = "zero";
  CHECK(Network(nas::final_graph(g, o), 1).output_shape() == Shape{3});
  o.cell_template = "darts";
  CHECK_THROWS_WITH(nas::final_graph(g, o), ContainsSubstring("no result"));
}

TEST_CASE("options that make no network are refused", "[nas]") {
  const auto with = [](auto change) {
    nas::CellOptions o = tiny("tas");
    change(o);
    return nas::supernet_graph(o);
  };
  CHECK_THROWS_AS(with([](auto& o) { o.cells = 2; }), ValueError);
  CHECK_THROWS_AS(with([](auto& o) { o.width = 0; }), ValueError);
  CHECK_THROWS_AS(with([](auto& o) { o.input = Shape{3, 30, 32}; }), ShapeError);
  CHECK_THROWS_WITH(with([](auto& o) { o.cell_template = "star"; }), ContainsSubstring("resnet"));
  CHECK_THROWS_WITH(with([](auto& o) { o.reduction_skip = "no"; }), ContainsSubstring("avgpool_duplicate"));
  CHECK_THROWS_AS(Network(with([](auto& o) { o.weights = "no"; }), 1), ValueError);
}

TEST_CASE("sampling: one operation an edge, gradients for the drawn row only through the softmax", "[nas]") {
  nas::Supernet net(tiny("darts"), 1);
  const Tensor images = random_normal(Shape{4, 2, 8, 8}, 3);
  tern::testing::begin_step(net.network(), images);
  Rng rng(9);
  net.sample(rng, 1.0);
  std::map<std::string, int> candidates_run;
  net.network().set_tap([&](const GraphNode& node, const Value&) {
    // c0_e3_sep3_a_act and the like: count candidates, not their nodes
    const auto e = node.name.find("_e");
    if (e == std::string::npos || node.op == "mix") return;
    const auto op_end = node.name.find('_', node.name.find('_', e + 2) + 1);
    candidates_run[node.name.substr(0, op_end)]++;
  });
  backward(cross_entropy(net.forward(images), Tensor::from(std::vector<std::int64_t>{0, 1, 2, 0}, Shape{4})));
  CHECK(candidates_run.size() <= 3 * 14);
  CHECK(candidates_run.size() > 3 * 7);
  for (const NamedTensor& a : net.alphas()) {
    double total = 0, norm = 0;
    for (const double g : a.value.grad().to_vector()) {
      total += g;
      norm += std::abs(g);
    }
    CHECK(norm > 0);
    CHECK(std::abs(total) < 1e-4 * norm);  // rows of a softmax gradient sum to zero
  }
  const std::size_t drawn = candidates_run.size();
  candidates_run.clear();
  net.use_all();
  net.forward(images);
  CHECK(candidates_run.size() > 2 * drawn);
}

TEST_CASE("a final network packs and verifies bit for bit", "[nas]") {
  nas::CellOptions o = tiny("tas");
  nas::Genotype g = ternary_with(3);
  g.normal[5].op = "tdil5";
  g.normal[6].op = "zero";
  g.reduce[1].op = "tconv5";
  g.reduce[2].op = "avg3";
  for (const std::string& skip : nas::reduction_skips()) {
    o.reduction_skip = skip;
    Network net(nas::final_graph(g, o), 1);
    const Tensor images = random_normal(Shape{8, 2, 8, 8}, 3);
    tern::testing::begin_step(net, images);
    net.forward(images);
    net.set_training(false);
    const packed::Model model = pack(net);
    CHECK_FALSE(model.graph.nodes().empty());
  }
}
