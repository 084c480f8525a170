// Every topology, quantized: packs, survives the file format, and infers bit for bit what evaluation computes.
#include <algorithm>

#include "begin_step.hpp"
#include "catch.hpp"
#include "convert/packing.hpp"
#include "tern/convert.hpp"
#include "tern/freeze.hpp"
#include "tern/nas.hpp"

using tern::Network;
using tern::Rng;
using tern::Shape;
using tern::Tensor;
using tern::testing::random_bytes;

namespace {

constexpr int kModelSide = 32, kModelImages = 5;

/// Batch norms that have seen data, with gains of both signs.
Network trained(tern::Graph graph) {
  Network net(std::move(graph), 3);
  Rng rng(4);
  for (const auto& p : net.parameters()) {
    if (!p.name.ends_with("gamma")) continue;
    for (float& x : p.value.span<float>()) x = rng.normal();
  }
  const Shape in = net.input_shape();
  const Tensor images = Tensor::empty(Shape{8, in[0], in[1], in[2]});
  for (float& x : images.span<float>()) x = rng.normal();
  tern::testing::begin_step(net, images);
  net.forward(images);
  net.set_training(false);
  return net;
}

Network trained(const std::string& model, const std::string& weights, const std::string& acts,
                const std::map<std::string, std::string>& extra) {
  tern::ModelOptions o;
  o.input = Shape{3, kModelSide, kModelSide};
  o.weights = weights;
  o.acts = acts;
  o.width = model == "nin" ? 12 : 8;
  o.extra = extra;
  tern::Graph graph = tern::make_model(model, o);
  graph.nodes()[0].set("mean", "0.5,0.4,0.3").set("std", "0.2,0.25,0.3");
  return trained(std::move(graph));
}

// On every instruction set that this machine has, code by code.
void check_packed(Network& net, const tern::Images& images) {
  const auto packed = tern::packed::decode(tern::packed::encode(tern::pack(net)));
  for (const tern::infer::Options& how : tern::infer::every_path()) {
    INFO(tern::name_of(*how.isa) << " " << how.kernel);
    const auto r = tern::verify(net, packed, how, images, images.count());
    for (const auto& n : r.nodes) {
      INFO(n.name);
      CHECK(n.different == 0);
    }
    CHECK(r.identical());
  }
}

void check_identical(const std::string& model, const std::string& weights, const std::string& acts,
                     const std::map<std::string, std::string>& extra = {}) {
  INFO(model << ", weights " << weights << ", acts " << acts);
  Network net = trained(model, weights, acts, extra);
  check_packed(net, random_bytes(3, kModelSide, kModelImages, 6));
}

}  // namespace

TEST_CASE("pack: every topology infers what evaluation computes", "[convert]") {
  for (const auto& m : tern::models()) {
    check_identical(m.key, "heq", "heaviside");
    if (m.key == "ornet_11" || m.key == "muxornet_11") continue;  // they want {0,1}
    check_identical(m.key, "twn", "ternary");
    check_identical(m.key, "fatnn", "fatnn:mode=unsigned");
    check_identical(m.key, "bwn", "sign");
    check_identical(m.key, "none", "none");
  }
}

TEST_CASE("pack: the quantizers of the registry in turn, one topology after the other", "[convert]") {
  const auto weights = tern::weight_quantizers();
  const auto acts = tern::act_quantizers();
  std::size_t i = 0;
  for (const auto& m : tern::models()) {
    const bool gates = m.key == "ornet_11" || m.key == "muxornet_11";
    check_identical(m.key, weights[i % weights.size()].key, gates ? "tas:mode=relu01" : acts[i * 3 % acts.size()].key);
    ++i;
  }
}

// Networks of random cells, as an architecture search leaves them.
TEST_CASE("pack: cells of every search space, template and reduction", "[convert]") {
  std::uint64_t seed = 0;
  int shifts = 0;
  for (const auto& space : tern::nas::spaces()) {
    for (const auto& cell_template : tern::nas::cell_templates()) {
      for (const auto& skip : tern::nas::reduction_skips()) {
        tern::nas::CellOptions o;
        o.space = space.key;
        o.cell_template = cell_template;
        o.reduction_skip = skip;
        o.cells = 3;
        o.width = 4;
        o.input = Shape{3, 8, 8};
        o.mean = "0.5,0.4,0.3";
        o.std = "0.2,0.25,0.3";
        Rng rng(++seed);
        const tern::nas::Genotype genotype = tern::nas::random_genotype(o, rng);
        INFO(genotype.json() << ", reduction " << skip);
        Network net = trained(tern::nas::final_graph(genotype, o));
        check_packed(net, random_bytes(3, 8, kModelImages, 6));
        for (const auto& node : net.graph().nodes()) shifts += node.op == "shift";
      }
    }
  }
  CHECK(shifts > 0);  // of factorized reductions
}

TEST_CASE("pack: options of topologies that change the packed graph", "[convert]") {
  check_identical("muxornet_11", "heq", "heaviside", {{"or_grad", "logic"}});
  check_identical("resnet20", "ttq", "dorefa", {{"shortcut", "B"}});
  check_identical("resnet18", "lsq", "lsq", {{"stem", "imagenet"}});
  check_identical("vgg_small", "twn", "ternary", {{"order", "bn_act_conv"}});
  check_identical("vgg_small", "totnet", "totnet", {{"relu", "prelu"}});
  check_identical("resnet20", "totnet", "totnet", {{"relu", "prelu"}});
  check_identical("googlenet", "lsq", "lsq");  // branches with steps of their own: joined as real values
}

TEST_CASE("pack: quantized first and last layers, shortcuts in full precision", "[convert]") {
  for (const std::string model : {"vgg_small", "resnet20"}) {
    for (const auto& [weights, acts] : {std::pair{"twn", "ternary"}, {"bwn", "sign"}, {"tas", "lsq:bits=2"}}) {
      tern::ModelOptions o;
      o.input = Shape{3, 16, 16};
      o.weights = weights;
      o.acts = acts;
      o.width = 8;
      o.quantize_first_last = true;
      o.fp_shortcut = true;
      if (model == "resnet20") o.extra = {{"shortcut", "B"}};
      INFO(model << ", weights " << weights << ", acts " << acts);
      Network net = trained(tern::make_model(model, o));
      check_packed(net, random_bytes(3, 16, kModelImages, 6));
    }
  }
}

TEST_CASE("pack: a quantized first layer reads the image as eight planes", "[convert]") {
  tern::ModelOptions o;
  o.input = Shape{3, 16, 16};
  o.weights = "heq";
  o.acts = "heaviside";
  o.width = 8;
  o.quantize_first_last = true;
  for (const char* model : {"vgg_11", "ornet_11", "muxornet_11"}) {
    INFO(model);
    Network net = trained(tern::make_model(model, o));
    check_packed(net, random_bytes(3, 16, kModelImages, 6));
    tern::infer::Options how;
    how.kernel = "bitsliced";
    const tern::infer::Session session(tern::pack(net), how);
    const auto plan = session.plan();
    REQUIRE(plan.size() > 3);
    CHECK(plan[0].nodes == "image+image_codes");
    const auto first = std::find_if(plan.begin(), plan.end(), [](const auto& step) { return step.macs > 0; });
    CHECK(first->kernel.starts_with("bitsliced"));
  }
}

TEST_CASE("pack: rescaled weights on real activations are codes without a scale", "[convert]") {
  for (const std::string model : {"resnet20", "vgg_small", "googlenet"}) {
    for (const std::string levels : {"ternary", "binary", "five", "pow2"}) {
      INFO(model << ", " << levels);
      Network net = trained(model, "grid:levels=" + levels, "none", {});
      for (const auto& row : tern::rescale(net, tern::RescaleGroups::kFilter).rows)
        CHECK_FALSE(row.folded_into.empty());
      const auto packed = tern::packed::decode(tern::packed::encode(tern::pack(net)));
      for (const auto& [name, blob] : packed.blobs) CHECK(name.find("scale") == std::string::npos);
      for (const char* kernel : {"", "reference"}) {
        tern::infer::Options how;
        how.kernel = kernel;
        CHECK(tern::verify(net, packed, how, random_bytes(3, kModelSide, kModelImages, 6), kModelImages).identical());
      }
    }
  }
}

TEST_CASE("pack: the full-precision twin of a logic network has no packed form", "[convert]") {
  const Network net = trained("ornet_11", "none", "none", {});
  CHECK_THROWS_WITH(tern::pack(net), ContainsSubstring("node \"or1\": a gate of real values"));
}

// The first layer's floats become bits in its own step; nothing but the head's average reads anything else than bits
// after it.
TEST_CASE("pack: logic-gated networks stay in planes of bits between their first and last layer", "[convert]") {
  for (const std::string model : {"ornet_11", "muxornet_11"}) {
    const Network net = trained(model, "heq", "heaviside", {});
    const auto packed = tern::pack(net);
    for (const std::string kernel : {"", "kpacked", "bitsliced"}) {
      tern::infer::Options how;
      how.kernel = kernel;
      const tern::infer::Session session(packed, how);
      const auto plan = session.plan();
      const auto in_planes = [](const tern::infer::StepInfo& s) {
        return s.layout == "k-packed" || s.layout == "bit-sliced" || s.layout == "prepared";
      };
      const auto first = std::find_if(plan.begin(), plan.end(), in_planes);
      const auto last = std::find_if_not(first, plan.end(), in_planes);
      INFO(model << " " << kernel);
      CHECK(std::none_of(last, plan.end(), in_planes));
      std::size_t in_bits = 0, gates = 0;
      bool first_layer = true;
      for (const tern::GraphNode& node : packed.graph.nodes()) {
        const bool gate = node.op == "or" || node.op == "mux" || node.op == "tgap";
        const bool pool = node.op == "max_pool", layer = node.op == "conv2d" && !first_layer;
        if (node.op == "conv2d") first_layer = false;
        if (!gate && !pool && !layer) continue;
        INFO(node.name);
        CHECK(std::any_of(first, last, [&](const auto& s) {
          return s.nodes == node.name && s.kernel != "turn" && s.kernel != "prepare";
        }));
        ++in_bits;
        gates += gate;
      }
      CHECK(in_bits == (model == "ornet_11" ? 10 + 4 + 3 : 10 + 4 + 6));
      CHECK(gates == (model == "ornet_11" ? 3 : 6));
      if (kernel == "bitsliced") {
        for (auto s = first; s != last; ++s) CHECK(s->layout != "k-packed");
      }
      if (kernel == "kpacked") {
        for (auto s = first; s != last; ++s) CHECK(s->layout == "k-packed");
      }
    }
  }
}
