// Runs that are interrupted where a stop is not asked for: before their first step and while they evaluate.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "catch.hpp"
#include "files/read.hpp"
#include "temp_dir.hpp"
#include "tern/compare.hpp"
#include "tern/interrupt.hpp"
#include "tern/parallel.hpp"
#include "tern/search.hpp"
#include "tern/train.hpp"
#include "train/runs.hpp"

using tern::testing::values_of;

namespace {

tern::TrainConfig averaged_run() {
  tern::TrainConfig c;
  c.data = "fashion-mnist-mini";
  c.width = 4;
  c.weights = "lsq";
  c.acts = "lsq";
  c.limit_train = 96;
  c.limit_test = 50;
  c.epochs = 2;
  c.batch = 32;
  c.ema = 0.9;
  c.schedule = "cosine:hi=0.05,lo=0,per=step";
  return c;
}

// Lines of metrics without what clocks and gradients that are gone decide.
std::string metrics_of(const std::string& run) {
  std::string out;
  std::istringstream lines(tern::read_text_file(run + "/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    auto j = nlohmann::ordered_json::parse(line);
    for (const char* key : {"seconds", "images_per_second", "peak_mib"}) j.erase(key);
    if (j.contains("health")) {
      for (auto& layer : j["health"]) layer.erase("grad_norm");
    }
    for (const char* part : {"test", "validation"}) {
      if (j.contains(part) && j[part].is_object()) j[part].erase("seconds");
    }
    out += j.dump() + "\n";
  }
  return out;
}

// Interrupts the evaluations of one run after another: `questions` are allowed outside of steps once it has begun.
template <class Callbacks>
struct Interruption {
  explicit Interruption(std::int64_t questions) : left(questions) {
    callbacks.begin = [this] { begun = true; };
    callbacks.interrupted = [this] { return begun && --left < 0; };
  }
  Callbacks callbacks;
  bool begun = false;
  std::int64_t left;
};

}  // namespace

TEST_CASE("interrupt: an evaluation that is given up is made again, with the bits of an undisturbed run", "[train]") {
  const int threads = tern::num_threads();
  tern::set_num_threads(1);
  const TempDir dir;
  const tern::TrainConfig c = averaged_run();
  REQUIRE(tern::train(c, dir / "whole", false).finished);
  bool resume = false;
  int interrupted = 0;
  for (const std::int64_t questions : {0, 3, 0, 5}) {
    Interruption<tern::TrainCallbacks> i(questions);
    if (interrupted == 2) i.callbacks.interrupted = {};  // to the end of the second epoch
    std::int64_t steps = 0;
    i.callbacks.step = [&](const tern::StepProgress&) { ++steps; };
    if (interrupted == 2) i.callbacks.stop = [&] { return steps == 1; };
    const tern::TrainResult r = tern::train(c, dir / "run", resume, i.callbacks);
    CHECK_FALSE(r.finished);
    CHECK(steps == (interrupted == 0 ? 3 : interrupted == 2 ? 1 : interrupted == 3 ? 2 : 0));
    resume = true;
    ++interrupted;
  }
  CHECK(tern::train(c, dir / "run", true).finished);
  CHECK(values_of(dir / "run") == values_of(dir / "whole"));
  CHECK(metrics_of(dir / "run") == metrics_of(dir / "whole"));
  tern::set_num_threads(threads);
}

TEST_CASE("interrupt: a search gives its evaluation up and makes it again", "[train]") {
  const TempDir dir;
  tern::SearchConfig c;
  c.data = "fashion-mnist-mini";
  c.limit_train = 64;
  c.image_size = 8;
  c.cells = 3;
  c.width = 4;
  c.epochs = 1;
  c.batch = 16;
  c.eval_limit = 16;
  REQUIRE(tern::search(c, dir / "whole", false).finished);
  Interruption<tern::SearchCallbacks> i(2);
  CHECK_FALSE(tern::search(c, dir / "run", false, i.callbacks).finished);
  CHECK_FALSE(std::filesystem::exists(dir / "run/genotype-last.json"));
  CHECK(tern::search(c, dir / "run", true).finished);
  CHECK(values_of(dir / "run") == values_of(dir / "whole"));
}

TEST_CASE("interrupt: before the first step there is nothing to keep", "[train]") {
  const TempDir dir;
  tern::TrainCallbacks callbacks;
  bool begun = false;
  callbacks.begin = [&] { begun = true; };
  callbacks.interrupted = [] { return true; };
  CHECK_THROWS_AS(tern::train(averaged_run(), dir / "run", false, callbacks), tern::Interrupted);
  CHECK_FALSE(begun);
  CHECK_FALSE(std::filesystem::exists(dir / "run"));
}

TEST_CASE("interrupt: a comparison that is interrupted before the first step of a run is partial", "[train]") {
  const TempDir dir;
  tern::ComparePlan plan;
  plan.recipe = averaged_run();
  plan.recipe.weights = plan.recipe.acts = "none";
  plan.recipe.epochs = 1;
  plan.pairs = {{"none", "none"}, {"twn", "ternary"}};
  plan.seeds = {1};
  plan.directory = dir / "runs";
  std::size_t started = 0;
  tern::CompareCallbacks callbacks;
  callbacks.start = [&](std::size_t, std::size_t, const std::string&) { ++started; };
  callbacks.interrupted = [&] { return started == 2; };
  const tern::CompareTable table = tern::compare(plan, callbacks);
  CHECK(table.partial());
  CHECK(table.done == 1);
  callbacks.interrupted = {};
  CHECK_FALSE(tern::compare(plan, callbacks).partial());
}
