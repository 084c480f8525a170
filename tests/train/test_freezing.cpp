// Training runs with a freezing policy: report, certificate, resume, threads, packed form.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "files/read.hpp"
#include "freeze/registry.hpp"
#include "registration.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/parallel.hpp"
#include "tern/safetensors.hpp"
#include "tern/train.hpp"

using tern::TrainConfig;

namespace {

TrainConfig freezing_run(const std::string& policy = "rpr") {
  TrainConfig c;
  c.width = 4;
  c.weights = "grid:levels=ternary";
  c.data = "fashion-mnist-mini";
  c.augment = "pad=2,flip";
  c.limit_train = 320;
  c.limit_test = 50;
  c.batch = 32;
  c.optimizer = "adam";
  c.weight_decay = 0;
  c.policy = policy;
  c.phases = "0.75:1x1e-3,1x1e-4+0.9:1x1e-3+1:1x1e-3";
  c.eval_batch = 50;
  return c;
}

std::vector<tern::EpochResult> run(const TrainConfig& config, const std::string& dir) {
  std::vector<tern::EpochResult> out;
  tern::TrainCallbacks callbacks;
  callbacks.epoch = [&](const tern::EpochResult& r) { out.push_back(r); };
  CHECK(tern::train(config, dir, false, callbacks).finished);
  return out;
}

void check_same_tensors(const std::string& a, const std::string& b) {
  const auto x = tern::read_safetensors(a), y = tern::read_safetensors(b);
  REQUIRE(x.tensors.size() == y.tensors.size());
  for (const auto& t : x.tensors) {
    INFO(t.name);
    REQUIRE(y.find(t.name).defined());
    CHECK(t.value.to_vector() == y.find(t.name).to_vector());
  }
  CHECK(x.metadata.at("freeze") == y.metadata.at("freeze"));
}

}  // namespace

TEST_CASE("freezing run: phases, both accuracies, a certificate at the end", "[train]") {
  const TempDir dir;
  TrainConfig c = freezing_run();
  c.validation = 0.2;
  std::vector<tern::EpochResult> epochs;
  tern::TrainCallbacks callbacks;
  callbacks.epoch = [&](const tern::EpochResult& r) {
    // What is loaded runs on the grid; with the masks of the checkpoint it runs as training did.
    tern::TrainedRun now = tern::load_run(dir / "run", "last");
    const tern::Images test = tern::load_data(c).test;
    CHECK(tern::evaluate(now.network, test, c.eval_batch).loss == r.test.loss);
    const auto file = tern::read_safetensors(dir / "run/last.safetensors");
    std::size_t masks = 0;
    for (std::size_t i = 0; i < now.network.graph().nodes().size(); ++i) {
      const tern::Tensor mask = file.find("freeze." + now.network.graph().nodes()[i].name + ".relaxed");
      if (mask.defined()) now.network.layer(i).set_relaxed(mask);
      masks += mask.defined();
    }
    CHECK(masks > 1);
    now.network.set_relaxed_evaluation(true);
    CHECK(tern::evaluate(now.network, test, c.eval_batch).loss ==
          Approx(r.freeze->test.loss).epsilon(1e-6));  // order of sums
    epochs.push_back(r);
  };
  CHECK(tern::train(c, dir / "run", false, callbacks).finished);
  REQUIRE(epochs.size() == 4);
  const double fractions[4] = {0.75, 0.75, 0.9, 1}, rates[4] = {1e-3, 1e-4, 1e-3, 1e-3};
  for (std::size_t e = 0; e < 4; ++e) {
    REQUIRE(epochs[e].freeze);
    CHECK(epochs[e].freeze->fraction == fractions[e]);
    CHECK(epochs[e].lr == rates[e]);
    CHECK(epochs[e].epochs == 4);
    CHECK(epochs[e].freeze->test.images == 50);
    CHECK(epochs[e].freeze->validation.images == epochs[e].validation.images);
    CHECK(epochs[e].freeze->certified == (e == 3));
  }
  CHECK(std::abs(epochs[0].freeze->test.loss - epochs[0].test.loss) > 1e-4);
  CHECK(epochs[3].freeze->relaxed == 0);
  CHECK(tern::read_text_file(dir / "run/freeze.svg").starts_with("<svg"));

  // The last line of the metrics says so too, and the checkpoints hold what they should.
  std::ifstream in(dir / "run/metrics.jsonl");
  std::string line, last;
  while (std::getline(in, line)) last = line;
  CHECK(nlohmann::json::parse(last).at("freeze").at("certified") == true);
  const auto trained = tern::load_run(dir / "run", "last");
  CHECK(tern::certify(trained.network).holds());
  tern::TrainedRun best = tern::load_run(dir / "run", "best");
  double highest = 0;
  for (const tern::EpochResult& r : epochs) highest = std::max(highest, r.validation.accuracy());
  const tern::Images held_out =
      tern::split_train_validation(tern::load_data(c).train, 0.2, static_cast<std::uint64_t>(c.seed)).validation;
  CHECK(tern::evaluate(best.network, held_out, c.eval_batch).accuracy() == highest);
  const auto again = tern::train(c, dir / "run", true);  // there is nothing left to do but to look
  CHECK(again.finished);
  CHECK((again.last.freeze && again.last.freeze->certified));
  // Packed it needs no scale.
  const tern::packed::Model packed = tern::pack(trained.network);
  for (const auto& [name, blob] : packed.blobs) CHECK_FALSE(name.ends_with(".scale_pos"));
}

TEST_CASE("freezing run: stopped in the middle of a partition epoch and resumed, the same bits", "[train]") {
  for (const std::string policy : {"rpr", "inq", "rpr:clip=1,partitions=3"}) {
    TrainConfig c = freezing_run(policy);
    c.checkpoint_steps = 3;
    const TempDir dir;
    run(c, dir / "whole");
    for (const std::int64_t every : {7, 10}) {
      INFO(policy << ", stop every " << every);
      const std::string stopped = dir / ("stopped" + std::to_string(every));
      bool resume = false, finished = false;
      for (int attempt = 0; attempt < 20 && !finished; ++attempt, resume = true) {
        std::int64_t steps = 0;
        tern::TrainCallbacks callbacks;
        callbacks.stop = [&] { return ++steps == every; };
        finished = tern::train(c, stopped, resume, callbacks).finished;
        if (attempt == 0 && every == 7) {  // the partition is in the checkpoint
          const auto file = tern::read_safetensors(stopped + "/last.safetensors");
          const auto mask = file.find("freeze.conv2.relaxed").to_vector();
          const auto ones = static_cast<std::int64_t>(std::count(mask.begin(), mask.end(), 1.0));
          CHECK(ones == tern::relaxed_count(0.25, static_cast<std::int64_t>(mask.size())));
        }
      }
      REQUIRE(finished);
      check_same_tensors(dir / "whole/last.safetensors", stopped + "/last.safetensors");
    }
  }
}

TEST_CASE("freezing run: the number of threads changes no bit", "[train]") {
  const TempDir dir;
  const int before = tern::num_threads();
  for (const int threads : {1, 2, 3}) {
    tern::set_num_threads(threads);
    run(freezing_run("rpr:clip=1,partitions=3"), dir / std::to_string(threads));
    check_same_tensors(dir / "1/last.safetensors", dir / (std::to_string(threads) + "/last.safetensors"));
  }
  tern::set_num_threads(before);
}

TEST_CASE("freezing run: an auto phase ends by itself, and a resumed run knows", "[train]") {
  TrainConfig c = freezing_run();
  c.validation = 0.2;
  c.limit_train = 80;
  c.phases = "0.9:auto20x0+1:1x1e-3";  // nothing but batch norm moves: validation comes to rest
  const TempDir dir;
  const auto epochs = run(c, dir / "run");
  CHECK(epochs.size() < 21);
  CHECK(epochs.size() >= 7);
  CHECK(epochs.back().freeze->certified);
  tern::TrainCallbacks callbacks;
  bool stop = false;
  callbacks.epoch = [&](const tern::EpochResult& r) { stop = r.epoch == 3; };
  callbacks.stop = [&] { return stop; };
  CHECK_FALSE(tern::train(c, dir / "stopped", false, callbacks).finished);
  CHECK(tern::train(c, dir / "stopped", true).finished);
  check_same_tensors(dir / "run/last.safetensors", dir / "stopped/last.safetensors");
}

TEST_CASE("freezing run: over the levels of a learned quantizer", "[train]") {
  TrainConfig c = freezing_run();
  c.weights = "lsq";
  c.phases = "0.75:1x1e-3+1:2x1e-3";
  c.checkpoint_steps = 3;
  const TempDir dir;
  CHECK(run(c, dir / "run").back().freeze->certified);
  // Stopped within the last phase: the codes that the weights were frozen with are in the checkpoint.
  std::int64_t steps = 0;
  tern::TrainCallbacks callbacks;
  callbacks.stop = [&] { return ++steps == 14; };
  CHECK_FALSE(tern::train(c, dir / "stopped", false, callbacks).finished);
  CHECK(tern::read_safetensors(dir / "stopped/last.safetensors").find("freeze.conv2.codes").defined());
  CHECK(tern::train(c, dir / "stopped", true).last.freeze->certified);
  check_same_tensors(dir / "run/last.safetensors", dir / "stopped/last.safetensors");
  // Steps that train so fast that weights are nearer to another level fail the certificate.
  c.quantizer_lr = 300;
  CHECK_THROWS_WITH(tern::train(c, dir / "fast", false), ContainsSubstring("another code than they were frozen with") &&
                                                             ContainsSubstring("lower --quantizer-lr"));
}

TEST_CASE("freezing run: quantizers that cannot be frozen are refused at the start", "[train]") {
  for (const char* weights : {"sttn", "heq:n=5", "dorefa:bits=4"}) {
    INFO(weights);
    TrainConfig c = freezing_run();
    c.weights = weights;
    const TempDir dir;
    CHECK_THROWS_WITH(tern::train(c, dir / "run", false), ContainsSubstring("cannot be frozen there"));
    CHECK_FALSE(std::filesystem::exists(dir / "run"));
  }
}

namespace {

/// Leaves one weight of each layer relaxed, always.
class OneLeft final : public tern::FreezePolicy {
 public:
  bool partition(const tern::PartitionRequest&, std::span<float> mask) const override {
    std::fill(mask.begin(), mask.end(), 0.0f);
    mask[0] = 1.0f;
    return true;
  }
};

/// A checkpoint with another value in the first element of a tensor.
void alter(const std::string& path, const std::string& tensor, float value) {
  const auto file = tern::read_safetensors(path);
  REQUIRE(file.find(tensor).defined());
  file.find(tensor).span<float>()[0] = value;
  tern::write_safetensors(path, file.tensors, file.metadata);
}

}  // namespace

TEST_CASE("freezing run: no weight stays relaxed unnoticed in the phase with fraction 1", "[train]") {
  tern::register_freeze_policy("one_left", "for this test",
                               [](const tern::Spec&) { return std::make_unique<OneLeft>(); });
  const tern::testing::Removal removal(tern::freeze_policy_registry(), "one_left");
  const TempDir dir;
  TrainConfig c = freezing_run("one_left");
  CHECK_THROWS_WITH(tern::train(c, dir / "policy", false),
                    ContainsSubstring("freezes all weights in the phase with fraction 1"));

  // Masks that somebody changed in a checkpoint within that phase.
  c = freezing_run();
  c.phases = "1:2x1e-3";
  const auto stopped = [&](const std::string& name) {
    std::int64_t steps = 0;
    tern::TrainCallbacks callbacks;
    callbacks.stop = [&] { return ++steps == 4; };
    CHECK_FALSE(tern::train(c, dir / name, false, callbacks).finished);
    return dir / (name + "/last.safetensors");
  };
  alter(stopped("one"), "freeze.conv2.relaxed", 1);
  CHECK_THROWS_WITH(tern::train(c, dir / "one", true), ContainsSubstring("1 of") && ContainsSubstring("still relaxed"));
  for (const float value : {0.5f, std::numeric_limits<float>::quiet_NaN()}) {
    const std::string name = std::isnan(value) ? "nan" : "half";
    alter(stopped(name), "freeze.conv2.relaxed", value);
    CHECK_THROWS_AS(tern::train(c, dir / name, true), tern::FormatError);
    CHECK_THROWS_WITH(
        tern::train(c, dir / name, true),
        ContainsSubstring(std::isnan(value) ? "holds nan at 0" : "\"freeze.conv2.relaxed\" holds more than 0 and 1"));
  }
  // A latent weight that was moved off its level.
  alter(stopped("latent"), "net.conv2.weight", 0.75f);
  CHECK_THROWS_WITH(tern::train(c, dir / "latent", true), ContainsSubstring("conv2[0]"));
}

TEST_CASE(
    "freezing run: a schedule that ends below fraction 1 warns at the start and at the end, and so does validation 0",
    "[train]") {
  const auto notes_of = [](const std::string& phases, double validation) {
    TrainConfig c = freezing_run();
    c.phases = phases;
    c.validation = validation;
    c.limit_train = 64;
    std::vector<std::string> notes;
    tern::TrainCallbacks callbacks;
    callbacks.note = [&](const std::string& n) { notes.push_back(n); };
    const TempDir dir;
    CHECK(tern::train(c, dir / "run", false, callbacks).finished);
    return notes;
  };
  const auto count = [](const std::vector<std::string>& notes, const std::string& text) {
    return std::count_if(notes.begin(), notes.end(),
                         [&](const std::string& n) { return n.find(text) != std::string::npos; });
  };
  const auto below = notes_of("0.75:1x1e-3+0.9:1x1e-3", 0.2);
  CHECK(count(below, "warning: the phases end with 90 % of the weights on the grid") == 2);
  CHECK(below.back().starts_with("warning: the phases end"));
  CHECK(count(below, "validation is 0") == 0);
  const auto whole = notes_of("0.9:1x1e-3+1:1x1e-3", 0);
  CHECK(count(whole, "warning: the phases end") == 0);
  CHECK(count(whole, "validation is 0") == 1);
}

TEST_CASE("freezing run: from a pretrained run, whose normalisation it takes over", "[train]") {
  const TempDir dir;
  TrainConfig fp32 = freezing_run("none");
  fp32.weights = "none";
  fp32.epochs = 1;
  fp32.mean = "0.25";
  fp32.std = "0.5";
  tern::train(fp32, dir / "fp32", false);
  TrainConfig c = freezing_run();
  c.from = dir / "fp32";
  run(c, dir / "run");
  const auto r = tern::load_run(dir / "run", "last");
  CHECK(r.network.graph().nodes().front().text("mean") == "0.25");
  CHECK(r.network.graph().nodes().front().text("std") == "0.5");
}

TEST_CASE("freezing run: settings that do not fit are refused", "[train]") {
  const auto fails = [](const char* name, const char* text, const char* reason) {
    TrainConfig c = freezing_run();
    c.set(name, text);
    CHECK_THROWS_AS(c.check(), tern::ValueError);
    CHECK_THROWS_WITH(c.check(), ContainsSubstring(reason));
  };
  fails("policy", "nope", "known: rpr");
  fails("phases", "nope", "paper");
  fails("phases", "auto", "validation > 0");
  fails("rescale", "maybe", "filter, layer or none");
  fails("ema", "0.9", "ema");
  TrainConfig c = freezing_run();
  c.weights = "none";
  const TempDir dir;
  CHECK_THROWS_WITH(tern::train(c, dir / "run", false), ContainsSubstring("quantized weights"));
  CHECK_FALSE(std::filesystem::exists(dir / "run"));
}

TEST_CASE("freezing run: weight_lr is a factor on the rate of the weights that freeze, and on no other", "[train]") {
  const TempDir dir;
  TrainConfig c = freezing_run();
  c.phases = "0.75:1x1e-3";
  const auto weights_of = [&](double factor, const std::string& name) {
    c.weight_lr = factor;
    const std::string at = dir / std::to_string(factor);
    if (!std::filesystem::exists(at)) run(c, at);
    return tern::read_safetensors(at + "/last.safetensors").find("net." + name).to_vector();
  };
  // One epoch with the rate 0 leaves the weights where rescaling put them: the same wherever training went.
  c.seed = 4;
  const auto still = weights_of(0, "conv2.weight"), moved = weights_of(1, "conv2.weight");
  CHECK(still != moved);
  c.phases = "0.75:1x5e-3";
  const auto elsewhere = dir / "elsewhere";
  c.weight_lr = 0;
  run(c, elsewhere);
  const auto file = tern::read_safetensors(elsewhere + "/last.safetensors");
  CHECK(file.find("net.conv2.weight").to_vector() == still);
  CHECK(file.find("net.conv1.weight").to_vector() != weights_of(0, "conv1.weight"));
}
