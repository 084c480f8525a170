// What every run does with its directory, whatever it trains: diverged runs, locks, logs that cannot be written, held
// out shares.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "files/lock.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"
#include "tern/search.hpp"
#include "tern/train.hpp"
#include "train/runs.hpp"

using tern::SearchConfig;
using tern::TrainConfig;
using tern::testing::tiny_run;
using tern::testing::tiny_search;

namespace {

std::string notes_of(const std::function<void(const tern::RunCallbacks&)>& run) {
  std::string notes;
  tern::RunCallbacks callbacks;
  callbacks.note = [&](const std::string& text) { notes += text + "\n"; };
  run(callbacks);
  return notes;
}

}  // namespace

TEST_CASE("run: a diverged run ends with an error that names a layer, and leaves only what can be read", "[train]") {
  const TempDir dir;
  TrainConfig c = tiny_run();
  c.limit_train = 640;
  SECTION("while its loss is finite, before there is a checkpoint") {
    c.schedule = "constant:lr=10";
    CHECK_THROWS_WITH(tern::train(c, dir / "run", false),
                      ContainsSubstring("[train] diverged in epoch 1, after step 20: layer \"bn") &&
                          ContainsSubstring("its running_var holds inf at ") &&
                          ContainsSubstring("There is no checkpoint yet"));
    CHECK_FALSE(std::filesystem::exists(dir / "run/last.safetensors"));
    CHECK(tern::read_text_file(dir / "run/metrics.jsonl").empty());
  }
  SECTION("with a checkpoint a step") {
    c.schedule = "constant:lr=100";
    c.checkpoint_steps = 1;
    c.validation = 0.1;
    CHECK_THROWS_WITH(tern::train(c, dir / "run", false), ContainsSubstring("The last checkpoint is kept"));
    CHECK_NOTHROW(tern::load_run(dir / "run", "last"));
  }
  SECTION("asked to stop where no checkpoint can be written any more") {
    c.schedule = "constant:lr=100";
    std::int64_t step = 0;
    tern::TrainCallbacks callbacks;
    callbacks.stop = [&] { return ++step == 8; };
    CHECK_THROWS_WITH(tern::train(c, dir / "run", false, callbacks), ContainsSubstring("after step 8: layer \"bn"));
  }
  SECTION("in evaluation") {
    c.epochs = 1;
    c.schedule = "constant:lr=0";
    c.from = dir / "start";
    TrainConfig start = c;
    start.from = "";
    tern::train(start, dir / "start", false);
    const auto file = tern::read_safetensors(dir / "start/last.safetensors");
    file.find("net.bn2.running_mean").fill(-3e38);
    file.find("net.bn2.gamma").fill(100);
    tern::write_safetensors(dir / "start/last.safetensors", file.tensors, file.metadata);
    CHECK_THROWS_WITH(tern::train(c, dir / "run", false),
                      ContainsSubstring("the test loss is not finite; first layer with such a value: "));
    CHECK_FALSE(std::filesystem::exists(dir / "run/last.safetensors"));
  }
}

TEST_CASE("run: a loss that is finite and hopeless is a warning, or the end", "[train]") {
  CHECK(tern::hopeless(23.0, 10).empty());
  CHECK(tern::hopeless(23.1, 10) == "a loss of 23.1 (guessing has 2.30)");
  CHECK(tern::hopeless(23.1, 1000).empty());
  const TempDir dir;
  TrainConfig c = tiny_run();
  c.model = "mlp";
  c.schedule = "constant:lr=100";
  const auto trained = [&](const std::string& guard) {
    c.guard = guard;
    return notes_of([&](const tern::RunCallbacks& callbacks) { tern::train(c, dir / guard, false, {callbacks, {}}); });
  };
  const auto word = ContainsSubstring(" (guessing has 2.30) after epoch 1; try a smaller learning rate");
  const std::string warned = trained("warn");
  CHECK_THAT(warned, ContainsSubstring("warning: a loss of ") && word);
  CHECK(warned.find("guessing") == warned.rfind("guessing"));  // once, of two epochs
  CHECK(trained("off").find("guessing") == std::string::npos);
  CHECK_THROWS_WITH(trained("stop"), word && ContainsSubstring("The checkpoint of this epoch is kept"));
}

TEST_CASE("run: a diverged search ends the same way", "[train]") {
  const TempDir dir;
  SearchConfig c = tiny_search(1);
  c.schedule = "constant:lr=1e30";
  c.clip_norm = 0;
  CHECK_THROWS_WITH(tern::search(c, dir / "run", false), ContainsSubstring("[search] diverged in epoch 1, after "));
  CHECK_FALSE(std::filesystem::exists(dir / "run/last.safetensors"));
}

TEST_CASE("run: a directory belongs to one process at a time", "[train]") {
  const TempDir dir;
  TrainConfig c = tiny_run();
  c.epochs = 1;
  std::string second;
  tern::TrainCallbacks callbacks;
  const auto tried = [](const auto& run) -> std::string {
    try {
      run();
    } catch (const tern::IoError& e) {
      return e.what();
    }
    return "";
  };
  callbacks.step = [&](const tern::StepProgress&) { second = tried([&] { tern::train(c, dir / "run", true); }); };
  tern::train(c, dir / "run", false, callbacks);
  CHECK_THAT(second, ContainsSubstring("is in use by process "));
  CHECK_NOTHROW(tern::train(c, dir / "run", true));  // the lock went with its run

  // Both found an empty directory; the other was faster.
  std::filesystem::create_directories(dir / "late");
  tern::TrainCallbacks slow;
  slow.note = [&](const std::string& text) {
    if (text.starts_with("data:")) tern::write_file_atomically(dir / "late/config.toml", std::string_view("x"));
  };
  CHECK_THROWS_WITH(tern::train(c, dir / "late", false, slow), ContainsSubstring("holds a run already"));
  CHECK(tern::read_text_file(dir / "late/config.toml") == "x");

  const SearchConfig s = tiny_search(1);
  tern::SearchCallbacks searching;
  searching.step = [&](const tern::StepProgress&) {
    second = tried([&] { tern::search(s, dir / "search", true); });
    second += tried([&] { tern::choose_again(s, dir / "search"); });
  };
  tern::search(s, dir / "search", false, searching);
  CHECK_THAT(second, ContainsSubstring("is in use by process ") && ContainsSubstring("search"));
  CHECK(second.find("is in use") != second.rfind("is in use"));
}

TEST_CASE("run: metrics that cannot be written are a note, no end", "[train]") {
  const TempDir dir;
  TrainConfig c = tiny_run();
  bool lost = false;
  std::string notes;
  tern::TrainCallbacks callbacks;
  callbacks.note = [&](const std::string& text) { notes += text + "\n"; };
  // A folder in the place of the file: nothing can be written there, by root either.
  callbacks.step = [&](const tern::StepProgress& p) {
    if (p.epoch == 0 && p.step == 1) {
      std::filesystem::remove(dir / "run/metrics.jsonl");
      lost = std::filesystem::create_directory(dir / "run/metrics.jsonl");
    } else if (p.epoch == 1 && p.step == 1) {
      std::filesystem::remove(dir / "run/metrics.jsonl");
      tern::write_file_atomically(dir / "run/metrics.jsonl", std::string_view("half a line"));
    }
  };
  CHECK(tern::train(c, dir / "run", false, callbacks).finished);
  CHECK(lost);
  CHECK_THAT(notes, ContainsSubstring("the run goes on without this line of its metrics"));
  const std::string metrics = tern::read_text_file(dir / "run/metrics.jsonl");
  CHECK(nlohmann::json::parse(metrics).at("epoch") == 1);  // one line, and not what stood before it
  CHECK(tern::train(c, dir / "run", true).last.epoch == 1);

  SearchConfig s = tiny_search(1);
  notes.clear();
  tern::SearchCallbacks searching;
  searching.note = callbacks.note;
  searching.step = [&](const tern::StepProgress&) { std::filesystem::create_directories(dir / "search/curves.svg"); };
  CHECK(tern::search(s, dir / "search", false, searching).finished);
  CHECK_THAT(notes, ContainsSubstring("warning: no curves.svg: "));
}

TEST_CASE("run: a share that rounds to no image, or to all, is refused with those that are possible", "[train]") {
  const TempDir dir;
  TrainConfig c = tiny_run();
  c.epochs = 1;
  c.limit_train = 30;
  c.batch = 10;
  c.validation = 0.04;
  const char* const possible = "of 30 images, at most 3 of one class, holds out ";
  CHECK_THROWS_WITH(tern::train(c, dir / "none", false),
                    ContainsSubstring("[train] validation 0.04 ") && ContainsSubstring(possible) &&
                        ContainsSubstring("none; expected a share in 0.33 .. 0.666667"));
  CHECK_FALSE(std::filesystem::exists(dir / "none"));
  c.validation = 0.99;
  CHECK_THROWS_WITH(tern::train(c, dir / "all", false),
                    ContainsSubstring(possible) && ContainsSubstring("all; expected"));
  c.weights = "grid:levels=ternary";
  c.policy = "rpr";
  c.phases = "1:1x1e-3";
  c.validation = 0.04;
  CHECK_THROWS_WITH(tern::train(c, dir / "freeze", false), ContainsSubstring(possible));
  for (const double share : {0.33, 0.666667}) {
    c.validation = share;
    const std::string run = dir / ("run" + std::to_string(share));
    const std::string notes = notes_of([&](const tern::RunCallbacks& callbacks) {
      tern::TrainCallbacks all;
      all.note = callbacks.note;
      tern::train(c, run, false, all);
    });
    CHECK_THAT(notes, ContainsSubstring("validation: " + std::string(share < 0.5 ? "10" : "20") +
                                        " of 30 training images are held out to choose best.safetensors by"));
    CHECK(std::filesystem::exists(run + "/best.safetensors"));
  }
  SearchConfig s = tiny_search(1);
  s.limit_train = 30;
  s.validation = 0.01;
  CHECK_THROWS_WITH(tern::search(s, dir / "search", false), ContainsSubstring("[search] validation 0.01 of 30 images"));
}

TEST_CASE("run: statistics over one image are refused by name, those of a last batch too", "[train]") {
  const TempDir dir;
  TrainConfig c = tiny_run();
  c.model = "mlp";
  c.epochs = 1;
  c.batch = 1;
  const auto refused = [&](const std::string& why) {
    INFO(why);
    CHECK_THROWS_WITH(tern::train(c, dir / "run", false),
                      ContainsSubstring("[train] node \"bn1\" takes statistics over the images of a batch") &&
                          ContainsSubstring(why));
    CHECK_FALSE(std::filesystem::exists(dir / "run"));
  };
  refused("got 160 images in batches of 1, the last of 1");
  c.batch = 53;
  refused("got 160 images in batches of 53, the last of 1");
  c.batch = 32;
  c.last_batch = 3;
  refused("got 160 images in batches of 3, the last of 1");
  c.last_batch = 0;
  CHECK(tern::train(c, dir / "run", false).finished);
  c.model = "vgg_small";  // over the pixels of an image there are statistics
  c.limit_train = 5;
  c.batch = 1;
  c.schedule = "constant:lr=0";
  CHECK(tern::train(c, dir / "pixels", false).finished);
}
