// Weight decay and rates by what a parameter is, and the ramp of path dropout.
#include <map>
#include <set>

#include "catch.hpp"
#include "files/write.hpp"
#include "temp_dir.hpp"
#include "tern/train.hpp"
#include "train/internal.hpp"

using namespace tern;

namespace {

/// Endings of the names in each group.
std::map<std::string, std::set<std::string>> groups_of(const TrainConfig& config) {
  const Graph graph = Graph::parse(
      "tern-graph 1\n"
      "image = input() shape=1x8x8\n"
      "c1 = conv2d(image) out=4 kernel=3\n"
      "b1 = batch_norm(c1)\n"
      "p1 = act(b1) kind=prelu\n"
      "q1 = quantize(p1) acts=tas\n"
      "c2 = conv2d(q1) out=4 kernel=3 weights=ttq\n"
      "b2 = batch_norm(c2)\n"
      "q2 = quantize(b2) acts=lsq\n"
      "c3 = conv2d(q2) out=4 kernel=3 weights=sttn\n"
      "b3 = batch_norm(c3)\n"
      "f = flatten(b3)\n"
      "fc = linear(f) out=3\n");
  const Network net(graph, 1);
  std::map<std::string, std::set<std::string>> out;
  std::size_t count = 0;
  for (const ParamGroup& g : parameter_groups(net, config)) {
    const double decay = g.name == "weights" || g.name == "freezing weights" ? config.weight_decay : 0.0;
    CHECK(g.weight_decay == decay);
    CHECK(g.lr_scale == (g.name == "quantizers"         ? config.quantizer_lr
                         : g.name == "freezing weights" ? config.weight_lr
                                                        : 1.0));
    count += g.params.size();
    for (const NamedTensor& p : g.params) out[g.name].insert(p.name);
  }
  CHECK(count == net.parameters().size());
  return out;
}

using Names = std::set<std::string>;
const Names kNorms{"b1.gamma", "b1.beta", "b2.gamma", "b2.beta", "b3.gamma", "b3.beta", "p1.slope", "fc.bias"};

}  // namespace

TEST_CASE("parameter groups: weight decay is for weights of convolutions and dense layers alone", "[train]") {
  TrainConfig c;
  c.weight_decay = 0.01;
  c.quantizer_lr = 0.5;
  const auto groups = groups_of(c);
  const Names& weights = groups.at("weights");
  CHECK(weights.count("c1.weight") == 1);
  CHECK(weights.count("c2.weight") == 1);
  CHECK(weights.count("c3.weight") == 1);
  CHECK(weights.count("fc.weight") == 1);
  for (const std::string& name : weights)
    CHECK((name.ends_with(".weight") || name.starts_with("c3.weight_quant.")));  // STTN's second half
  CHECK(groups.at("small") == kNorms);
  for (const std::string& name : groups.at("quantizers"))
    CHECK(name.find("quant") + name.find("q1.") + name.find("q2.") != 3 * std::string::npos);
  CHECK(groups.count("freezing weights") == 0);
}

TEST_CASE("parameter groups: decay_small adds batch norm, biases and slopes, never quantizers", "[train]") {
  TrainConfig c;
  c.weight_decay = 0.01;
  c.decay_small = true;
  const auto groups = groups_of(c);
  for (const std::string& name : kNorms) CHECK(groups.at("weights").count(name) == 1);
  CHECK(groups.count("small") == 0);
  TrainConfig plain;
  plain.weight_decay = 0.01;
  CHECK(groups.at("quantizers") == groups_of(plain).at("quantizers"));
}

TEST_CASE("parameter groups: under a freezing policy quantized weights have a rate of their own", "[train]") {
  TrainConfig c;
  c.weight_decay = 0.01;
  c.policy = "rpr";
  c.weight_lr = 15;
  const auto groups = groups_of(c);
  CHECK(groups.at("freezing weights") == Names{"c2.weight", "c3.weight"});
  CHECK(groups.at("weights").count("c1.weight") == 1);
}

TEST_CASE("path dropout: d epoch / epochs", "[train]") {
  TrainConfig c;
  c.drop_path = 0.2;
  c.epochs = 600;
  CHECK(drop_path_at(c, 0) == 0);
  CHECK(drop_path_at(c, 300) == Approx(0.1));
  CHECK(drop_path_at(c, 599) == Approx(0.2 * 599 / 600));
}

TEST_CASE("path dropout: nothing in the first epoch, something in the second", "[train]") {
  Rng rng(3);
  nas::CellOptions o;
  const TempDir dir;
  write_file_atomically(dir / "genotype.json", nas::random_genotype(o, rng).json());
  const auto losses = [&](double drop_path) {
    TrainConfig c;
    c.genotype = dir / "genotype.json";
    c.options = "cells=3";
    c.width = 4;
    c.data = "fashion-mnist-mini";
    c.image_size = 8;
    c.limit_train = 32;
    c.limit_test = 8;
    c.batch = 16;
    c.epochs = 2;
    c.drop_path = drop_path;
    std::vector<double> out;
    TrainCallbacks callbacks;
    callbacks.epoch = [&](const EpochResult& r) { out.push_back(r.train_loss); };
    train(c, dir / ("run" + std::to_string(drop_path)), false, callbacks);
    return out;
  };
  const std::vector<double> plain = losses(0), dropped = losses(0.9);
  REQUIRE(plain.size() == 2);
  CHECK(plain[0] == dropped[0]);
  CHECK(plain[1] != dropped[1]);
}
