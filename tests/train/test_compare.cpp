#include <cmath>
#include <filesystem>

#include "catch.hpp"
#include "core/file.hpp"
#include "temp_dir.hpp"
#include "tern/compare.hpp"
#include "tern/error.hpp"

using tern::ComparePlan;

namespace {

ComparePlan tiny(const std::string& directory) {
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
  const ComparePlan plan = tiny(dir / "runs");
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
  REQUIRE(part.size() == 1);
  callbacks.stop = {};
  const auto rows = tern::compare(plan, callbacks);
  CHECK(steps == 6 * per_run);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].accuracies == part[0].accuracies);
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
  const std::string svg = tern::compare_svg(rows);
  CHECK(svg.find("twn / ternary") != std::string::npos);
  tern::compare(plan, callbacks);
  CHECK(steps == 6 * per_run);

  ComparePlan other = plan;
  other.recipe.batch = 40;
  CHECK_THROWS_WITH(tern::compare(other), ContainsSubstring("holds a run with other settings"));
}

TEST_CASE("compare: warm starts come from the fp32 run of the seed", "[train]") {
  const TempDir dir;
  ComparePlan plan = tiny(dir / "runs");
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
  ComparePlan plan = tiny(dir / "runs");
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
  result("0.5", "null", "3", "[0.25]", "1000");
  const auto rows = tern::compare(plan);
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
  ComparePlan plan = tiny(dir / "runs");
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
  refused("\"test\"", "\"tost\"", "expected the key \"test\"");
}
