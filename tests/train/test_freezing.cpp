// Training runs with a freezing policy: report, certificate, resume, threads, packed form.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "core/file.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/parallel.hpp"
#include "tern/safetensors.hpp"
#include "tern/train.hpp"

using tern::TrainConfig;

namespace {

TrainConfig tiny(const std::string& policy = "rpr") {
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
  TrainConfig c = tiny();
  c.validation = 0.2;
  const auto epochs = run(c, dir / "run");
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
  CHECK(epochs[0].freeze->test.loss != epochs[0].test.loss);
  CHECK(epochs[3].freeze->relaxed == 0);
  CHECK(tern::read_text_file(dir / "run/freeze.svg").starts_with("<svg"));

  // The last line of the metrics says so too, and the checkpoints hold what they should.
  std::ifstream in(dir / "run/metrics.jsonl");
  std::string line, last;
  while (std::getline(in, line)) last = line;
  CHECK(nlohmann::json::parse(last).at("freeze").at("certified") == true);
  const auto trained = tern::load_run(dir / "run", "last");
  CHECK(tern::certify(trained.network).holds());
  CHECK_NOTHROW(tern::load_run(dir / "run", "best"));
  // Packed it needs no scale.
  const tern::packed::Model packed = tern::pack(trained.network);
  for (const auto& [name, blob] : packed.blobs) CHECK_FALSE(name.ends_with(".scale_pos"));
}

TEST_CASE("freezing run: stopped in the middle of a partition epoch and resumed, the same bits", "[train]") {
  for (const std::string policy : {"rpr", "inq"}) {
    TrainConfig c = tiny(policy);
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
    run(tiny(), dir / std::to_string(threads));
    check_same_tensors(dir / "1/last.safetensors", dir / (std::to_string(threads) + "/last.safetensors"));
  }
  tern::set_num_threads(before);
}

TEST_CASE("freezing run: an auto phase ends by itself, and a resumed run knows", "[train]") {
  TrainConfig c = tiny();
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
  TrainConfig c = tiny();
  c.weights = "lsq";
  const TempDir dir;
  CHECK(run(c, dir / "run").back().freeze->certified);
}

TEST_CASE("freezing run: from a pretrained run, whose normalisation it takes over", "[train]") {
  const TempDir dir;
  TrainConfig fp32 = tiny("none");
  fp32.weights = "none";
  fp32.epochs = 1;
  fp32.mean = "0.25";
  fp32.std = "0.5";
  tern::train(fp32, dir / "fp32", false);
  TrainConfig c = tiny();
  c.from = dir / "fp32";
  run(c, dir / "run");
  const auto r = tern::load_run(dir / "run", "last");
  CHECK(r.network.graph().nodes().front().text("mean") == "0.25");
  CHECK(r.network.graph().nodes().front().text("std") == "0.5");
}

TEST_CASE("freezing run: settings that do not fit are refused", "[train]") {
  const auto fails = [](const char* name, const char* text, const char* reason) {
    TrainConfig c = tiny();
    c.set(name, text);
    CHECK_THROWS_AS(c.check(), tern::ValueError);
    CHECK_THROWS_WITH(c.check(), ContainsSubstring(reason));
  };
  fails("policy", "nope", "known: rpr");
  fails("phases", "nope", "paper");
  fails("phases", "auto", "validation > 0");
  fails("rescale", "maybe", "filter, layer or none");
  fails("ema", "0.9", "ema");
  TrainConfig c = tiny();
  c.weights = "none";
  const TempDir dir;
  CHECK_THROWS_WITH(tern::train(c, dir / "run", false), ContainsSubstring("quantized weights"));
}

TEST_CASE("freezing run: weight_lr is a factor on the rate of the weights that freeze, and on no other", "[train]") {
  const TempDir dir;
  TrainConfig c = tiny();
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
