#include <cmath>
#include <filesystem>

#include "catch.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "temp_dir.hpp"
#include "tern/compare.hpp"
#include "tern/error.hpp"
#include "train/runs.hpp"

using tern::ComparePlan;

namespace {

ComparePlan tiny_plan(const std::string& directory) {
  ComparePlan plan;
  plan.recipe.width = 4;
  plan.recipe.data = "fashion-mnist-mini";
  plan.recipe.limit_train = 160;
  plan.recipe.limit_test = 50;
  plan.recipe.epochs = 1;
  plan.recipe.batch = 32;
  plan.recipe.schedule = "constant:lr=0.02";
  plan.pairs = {{"none", "none"}, {"twn", "ternary"}, {"ttq", "none"}};
  plan.seeds = {1, 2};
  plan.directory = directory;
  return plan;
}

}  // namespace

TEST_CASE("compare: one row a pair, gaps to fp32, and what is finished is not run again", "[train]") {
  const TempDir dir;
  const ComparePlan plan = tiny_plan(dir / "runs");
  std::size_t started = 0, steps = 0;
  tern::CompareCallbacks callbacks;
  callbacks.start = [&](std::size_t, std::size_t runs, const std::string&) {
    CHECK(runs == 6);
    ++started;
  };
  callbacks.step = [&](const tern::StepProgress&) { ++steps; };
  const std::size_t per_run = 5;
  callbacks.stop = [&] { return steps == 2 * per_run + 3; };  // in the middle of the third run
  const auto part = tern::compare(plan, callbacks);
  CHECK(started == 3);
  REQUIRE(part.rows.size() == 1);
  CHECK(part.partial());
  CHECK_THAT(tern::read_text_file(plan.directory + "/table.md"),
             ContainsSubstring("\nPartial: 2 of 6 runs are done.\n"));
  CHECK_THAT(tern::read_text_file(plan.directory + "/table.json"), ContainsSubstring("\"partial\": true"));
  CHECK_THAT(tern::read_text_file(plan.directory + "/table.svg"), ContainsSubstring("partial: 2 of 6 runs are done"));
  callbacks.stop = {};
  const auto table = tern::compare(plan, callbacks);
  const auto& rows = table.rows;
  CHECK(steps == 6 * per_run);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].accuracies == part.rows[0].accuracies);
  CHECK_FALSE(table.partial());
  for (const std::string& text : {tern::compare_markdown(table), tern::compare_svg(table)}) {
    CHECK(text.find("artial") == std::string::npos);
  }
  for (const tern::CompareRow& r : rows) {
    INFO(r.pair.str());
    REQUIRE(r.accuracies.size() == 2);
    CHECK(r.mean == Approx((r.accuracies[0] + r.accuracies[1]) / 2));
    CHECK(r.gap == Approx(rows[0].mean - r.mean).margin(1e-12));
    REQUIRE(r.losses.size() == 2);
    CHECK(r.losses[0] > 0);
    CHECK(r.loss == Approx((r.losses[0] + r.losses[1]) / 2));
    CHECK(r.packed_bytes > 0);
  }
  CHECK(rows[1].zero_share > 0.2);
  CHECK(rows[1].lowest_zero_share <= rows[1].zero_share);
  CHECK(rows[1].packed_bytes < rows[0].packed_bytes);
  for (const char* name : {"table.json", "table.md", "table.svg"}) {
    CHECK(std::filesystem::exists(std::filesystem::path(plan.directory) / name));
  }
  const std::string svg = tern::compare_svg(table);
  CHECK(svg.find("twn / ternary") != std::string::npos);
  tern::compare(plan, callbacks);
  CHECK(steps == 6 * per_run);

  ComparePlan other = plan;
  other.recipe.batch = 40;
  CHECK_THROWS_WITH(tern::compare(other), ContainsSubstring("holds a run with other settings"));
}

TEST_CASE("compare: a directory belongs to one process at a time", "[train]") {
  const TempDir dir;
  ComparePlan plan = tiny_plan(dir / "runs");
  plan.pairs.resize(1);
  plan.seeds = {1};
  tern::CompareCallbacks callbacks;
  callbacks.step = [&](const tern::StepProgress&) {
    CHECK_THROWS_WITH(tern::compare(plan), ContainsSubstring("is in use by process "));
  };
  CHECK_FALSE(tern::compare(plan, callbacks).partial());
}

TEST_CASE("compare: what was run on other data or by other kernels is named before anything runs", "[train]") {
  const TempDir dir;
  tern::testing::write_photos(dir / "photos", 6, 6);
  ComparePlan plan = tiny_plan(dir / "runs");
  plan.recipe.model = "mlp";
  plan.recipe.data = "folder:" + (dir / "photos");
  plan.recipe.limit_train = plan.recipe.limit_test = 0;
  plan.recipe.batch = 5;
  plan.seeds = {1};
  plan.pairs = {{"none", "none"}};
  {
    const tern::testing::ForcedIsa forced(tern::available_isas().back());
    tern::compare(plan);
  }
  plan.pairs = {{"twn", "ternary"}, {"none", "none"}};  // the new one comes first
  std::size_t steps = 0;
  std::string notes;
  tern::CompareCallbacks callbacks;
  callbacks.step = [&](const tern::StepProgress&) { ++steps; };
  callbacks.note = [&](const std::string& text) { notes += text + "\n"; };
  const auto refused = [&](const std::string& why) {
    CHECK_THROWS_WITH(tern::compare(plan, callbacks),
                      ContainsSubstring("[compare] \"" + (dir / "runs/none_none_seed1") + "\" is finished, and ") &&
                          ContainsSubstring(why) && ContainsSubstring("--resume-anyway"));
    CHECK(steps == 0);
  };
  if (tern::available_isas().back() != tern::Isa::kPortable) {
    const tern::testing::ForcedIsa forced(tern::Isa::kPortable);
    refused("instruction set is portable, was ");
  }
  tern::write_file_atomically(dir / "photos/train/light/more.pgm", "P5 8 8 255\n" + std::string(64, '\xff'));
  refused("the images, labels or classes of ");
  plan.recipe.resume_anyway = true;
  CHECK(tern::compare(plan, callbacks).rows.size() == 2);
  CHECK(steps > 0);
  CHECK_THAT(notes, ContainsSubstring("none / none, seed 1: resumed although the images"));
  plan.recipe.resume_anyway = false;
  std::filesystem::remove(dir / "runs/none_none_seed1/last.safetensors");
  CHECK_THROWS_WITH(tern::compare(plan), ContainsSubstring("nothing tells on which data"));
}

TEST_CASE("compare: a run that diverges is told, counted and keeps no other from running", "[train]") {
  const TempDir dir;
  ComparePlan plan = tiny_plan(dir / "runs");
  plan.recipe.limit_train = 640;
  plan.recipe.schedule = "constant:lr=1000";
  plan.seeds = {1};
  plan.pairs = {{"none", "none"}, {"twn", "none"}};
  plan.warm_start = true;
  std::string notes;
  tern::CompareCallbacks callbacks;
  callbacks.note = [&](const std::string& text) { notes += text + "\n"; };
  const auto table = tern::compare(plan, callbacks);
  CHECK_FALSE(table.partial());
  CHECK(table.diverged() == 2);
  CHECK(table.reference() == nullptr);
  CHECK_THAT(notes, ContainsSubstring("diverged: none / none, seed 1: [train] diverged in epoch 1") &&
                        ContainsSubstring("diverged: twn / none, seed 1: not run: the run that it would begin with"));
  CHECK_THAT(tern::read_text_file(plan.directory + "/table.md"),
             ContainsSubstring("\n| none | none | diverged | | | | | | | 0, 1 diverged |\n"));
  CHECK_THAT(tern::read_text_file(plan.directory + "/table.svg"), ContainsSubstring("none / none: diverged"));
  CHECK_THAT(tern::read_text_file(plan.directory + "/table.json"),
             ContainsSubstring("\"diverged\": 1") && ContainsSubstring("\"mean\": null"));
}

TEST_CASE("compare: a run whose loss is finite and hopeless has diverged, now and when its result is read", "[train]") {
  const TempDir dir;
  ComparePlan plan = tiny_plan(dir / "runs");
  plan.recipe.model = "mlp";
  plan.recipe.schedule = "constant:lr=100";
  plan.seeds = {1};
  plan.pairs = {{"none", "none"}};
  for (const bool read : {false, true}) {
    INFO("read: " << read);
    std::string notes;
    tern::CompareCallbacks callbacks;
    callbacks.note = [&](const std::string& text) { notes += text + "\n"; };
    const auto table = tern::compare(plan, callbacks);
    CHECK(table.diverged() == 1);
    CHECK(table.rows.at(0).accuracies.empty());
    CHECK_THAT(notes, ContainsSubstring("diverged: none / none, seed 1: a loss of ") &&
                          ContainsSubstring(" (guessing has 2.30)"));
    CHECK(std::filesystem::exists(plan.directory + "/none_none_seed1/result.json"));
  }
}

TEST_CASE("compare: what is refused leaves no directory", "[train]") {
  const TempDir dir;
  ComparePlan plan = tiny_plan(dir / "runs");
  std::size_t steps = 0;
  tern::CompareCallbacks callbacks;
  callbacks.step = [&](const tern::StepProgress&) { ++steps; };
  plan.recipe.model = "mlp";
  plan.recipe.batch = 1;
  CHECK_THROWS_WITH(tern::compare(plan, callbacks), ContainsSubstring("choose another batch"));
  plan.recipe.batch = 32;
  plan.pairs = {{"twn:levels=1", "ternary"}};
  CHECK_THROWS_AS(tern::compare(plan, callbacks), tern::ValueError);
  CHECK(steps == 0);
  CHECK_FALSE(std::filesystem::exists(plan.directory));
}

TEST_CASE("compare: warm starts come from the fp32 run of the seed", "[train]") {
  const TempDir dir;
  ComparePlan plan = tiny_plan(dir / "runs");
  plan.seeds = {3};
  plan.pairs.resize(2);
  plan.warm_start = true;
  tern::compare(plan);
  const std::string config = tern::read_text_file(plan.directory + "/twn_ternary_seed3/config.toml");
  CHECK(config.find("none_none_seed3") != std::string::npos);
  CHECK(config.find("mean = '0.") != std::string::npos);  // the fp32 run's, which the recipe leaves open
  std::size_t steps = 0;
  tern::CompareCallbacks callbacks;
  callbacks.step = [&](const tern::StepProgress&) { ++steps; };
  tern::compare(plan, callbacks);
  CHECK(steps == 0);
  plan.pairs = {{"twn", "ternary"}};
  CHECK_THROWS_WITH(tern::compare(plan), ContainsSubstring("none/none as the first pair"));
  plan.pairs.clear();
  CHECK_THROWS_AS(tern::compare(plan), tern::ValueError);
}

TEST_CASE("compare: results are read with suspicion", "[train]") {
  const TempDir dir;
  ComparePlan plan = tiny_plan(dir / "runs");
  plan.pairs = {{"none", "none"}};
  plan.seeds = {1};
  tern::TrainConfig config = plan.recipe;
  config.weights = config.acts = "none";
  config.seed = 1;
  const std::string run = plan.directory + "/none_none_seed1";
  std::filesystem::create_directories(run);
  tern::write_file_atomically(run + "/config.toml", config.toml());
  const auto result = [&](const std::string& accuracy, const std::string& loss, const std::string& seconds,
                          const std::string& shares, const std::string& bytes) {
    tern::write_file_atomically(run + "/result.json", "{\"accuracy\":" + accuracy + ",\"loss\":" + loss +
                                                          ",\"seconds\":" + seconds + ",\"zero_shares\":" + shares +
                                                          ",\"packed_bytes\":" + bytes + "}\n");
  };
  plan.recipe.resume_anyway = true;  // without a checkpoint
  result("0.5", "null", "3", "[0.25]", "1000");
  const auto rows = tern::compare(plan).rows;
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].mean == 0.5);
  CHECK(std::isnan(rows[0].loss));
  CHECK(rows[0].packed_bytes == 1000);
  const auto refused = [&](const std::string& why) {
    CHECK_THROWS_AS(tern::compare(plan), tern::FormatError);
    CHECK_THROWS_WITH(tern::compare(plan),
                      ContainsSubstring(run + "/result.json, line 1: " + why) && ContainsSubstring("remove the file"));
  };
  for (const char* accuracy : {"1e300", "1.5", "-0.5", "null", "\"1\"", "true"}) {
    INFO(accuracy);
    result(accuracy, "1", "3", "[]", "1000");
    refused("expected a number in 0 .. 1 for \"accuracy\"");
  }
  result("0.5", "1e300", "3", "[]", "1000");
  refused("expected a number in 0 .. 3.40282e+38 for \"loss\"");
  result("0.5", "1", "1e300", "[]", "1000");
  refused("expected a number in 0 .. 1e+10 for \"seconds\"");
  result("0.5", "1", "3", "[0.5,1e300]", "1000");
  refused("expected a number in 0 .. 1 for \"zero_shares\"");
  result("0.5", "1", "3", "{\"a\":1}", "1000");
  refused("expected a list for \"zero_shares\"");
  result("0.5", "1", "3", "[]", "1e300");
  refused("expected a number in 0 .. 1e+12 for \"packed_bytes\"");
  tern::write_file_atomically(run + "/result.json",
                              R"({"accuracy":0,"loss":1,"seconds":3,"zero_shares":[],"packed_bytes":7,"diverged":1})");
  refused("expected a text for \"diverged\"");
  for (const char* text : {"", "[", "{\"accuracy\":1e999}"}) {
    tern::write_file_atomically(run + "/result.json", std::string_view(text));
    refused("not JSON");
  }
  for (const char* text : {"{}", "[]", "7", "null"}) {
    tern::write_file_atomically(run + "/result.json", std::string_view(text));
    refused("expected the key \"accuracy\"");
  }
}

TEST_CASE("compare: metrics that are damaged are named with their line", "[train]") {
  const TempDir dir;
  ComparePlan plan = tiny_plan(dir / "runs");
  plan.pairs = {{"none", "none"}};
  plan.seeds = {1};
  tern::compare(plan);
  const std::string run = plan.directory + "/none_none_seed1", metrics = run + "/metrics.jsonl",
                    good = tern::read_text_file(metrics);
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& why) {
    INFO(why);
    std::string text = good;
    REQUIRE(text.find(from) != std::string::npos);
    tern::write_file_atomically(metrics, text.replace(text.find(from), from.size(), to));
    std::filesystem::remove(run + "/result.json");
    CHECK_THROWS_AS(tern::compare(plan), tern::FormatError);
    CHECK_THROWS_WITH(tern::compare(plan), ContainsSubstring(metrics + ", line 1: " + why));
  };
  refused("\"seconds\"", "\"secondz\"", "expected the key \"seconds\"");
  refused("{", "(", "not JSON");
  refused("\"epoch\":0", "\"epoch\":7", "expected the line of epoch 0 last");
  refused("\"test\"", "\"tost\"", "expected the key \"test\"");
}
