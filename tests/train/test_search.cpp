// Whole searches on the embedded data: resume, both orders, drawn paths, limits, baselines, and training of what was
// found.
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"
#include "tern/safetensors.hpp"
#include "tern/search.hpp"
#include "train/runs.hpp"

using tern::SearchConfig;

namespace {

SearchConfig augmented_search() {
  SearchConfig c = tern::testing::tiny_search();
  c.augment = "pad=2,flip";
  c.arch_lr = 0.01;
  return c;
}

std::vector<std::byte> tensors_of(const std::string& run) {
  // values only: wall-clock seconds stand in the metadata
  std::vector<std::byte> out;
  for (const tern::NamedTensor& t : tern::read_safetensors(run + "/last.safetensors").tensors) {
    for (const double v : t.value.to_vector()) {
      const auto* bytes = reinterpret_cast<const std::byte*>(&v);
      out.insert(out.end(), bytes, bytes + sizeof v);
    }
  }
  return out;
}

void search_with_stops(const SearchConfig& config, const std::string& run, std::int64_t every) {
  bool resume = false;
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::int64_t steps = 0;
    tern::SearchCallbacks callbacks;
    callbacks.stop = [&] { return ++steps == every; };
    callbacks.forecast = [](const tern::SearchForecast&) {};  // measures, and must leave no trace
    if (tern::search(config, run, resume, callbacks).finished) return;
    resume = true;
  }
  FAIL("the search never finished");
}

}  // namespace

TEST_CASE("search: stopped and resumed, it ends with the bits of an undisturbed one", "[train]") {
  for (const char* paths : {"all", "one"}) {
    INFO("paths " << paths);
    SearchConfig c = augmented_search();
    c.paths = paths;
    const TempDir dir;
    const tern::SearchResult whole = tern::search(c, dir / "whole", false);
    search_with_stops(c, dir / "stopped", 1);
    CHECK(tensors_of(dir / "whole") == tensors_of(dir / "stopped"));
    for (const char* file : {"/genotype-best.json", "/genotype-last.json", "/random-1.json", "/genotype-best.svg",
                             "/genotype-best.dot", "/curves.svg"}) {
      INFO(file);
      CHECK(tern::read_text_file(dir / "whole" + file) == tern::read_text_file(dir / "stopped" + file));
    }
    CHECK(whole.finished);
    CHECK(whole.best_accuracy > 0);
  }
}

TEST_CASE("search: a checkpoint whose position lies outside the search is refused, lost metrics are not missed",
          "[train]") {
  SearchConfig c = augmented_search();
  const TempDir dir;
  std::int64_t steps = 0;
  tern::SearchCallbacks callbacks;
  callbacks.stop = [&] { return ++steps == 3; };  // an epoch has two
  tern::search(c, dir / "run", false, callbacks);
  const auto file = tern::read_safetensors(dir / "run/last.safetensors");
  const auto with = [&](const char* field, const nlohmann::json& value) {
    auto metadata = file.metadata;
    nlohmann::json state = nlohmann::json::parse(metadata.at("state"));
    REQUIRE(state.contains(field));
    state[field] = value;
    metadata["state"] = state.dump();
    tern::write_safetensors(dir / "run/last.safetensors", file.tensors, metadata);
  };
  for (const auto& [field, value] : {std::pair{"epoch", std::int64_t{-5}},
                                     {"epoch", std::int64_t{2}},
                                     {"step", std::int64_t{2}},
                                     {"seen", std::int64_t{1000}}}) {
    INFO(field << " " << value);
    with(field, value);
    CHECK_THROWS_WITH(tern::search(c, dir / "run", true),
                      ContainsSubstring("expected a position within 2 epochs of 2 steps"));
  }
  with("metrics_bytes", std::int64_t{1} << 40);
  std::string told;
  tern::SearchCallbacks listening;
  listening.note = [&](const std::string& text) { told += text + "\n"; };
  CHECK(tern::search(c, dir / "run", true, listening).finished);
  CHECK_THAT(told, ContainsSubstring("its whole lines stay"));
}

TEST_CASE("search: genotypes chosen again, by the same rules and by others", "[train]") {
  const TempDir dir;
  const std::string run = dir / "run";
  SearchConfig c = augmented_search();
  const tern::SearchResult found = tern::search(c, run, false);
  const std::string best = tern::read_text_file(run + "/genotype-best.json"),
                    last = tern::read_text_file(run + "/genotype-last.json");
  tern::SearchResult again = tern::choose_again(c, run);
  CHECK(tern::read_text_file(run + "/genotype-best.json") == best);
  CHECK(tern::read_text_file(run + "/genotype-last.json") == last);
  CHECK(again.finished);
  CHECK(again.best_accuracy == found.best_accuracy);
  c.max_weightless = 0;
  again = tern::choose_again(c, run);
  CHECK(again.last.weightless_normal + again.last.weightless_reduce == 0);
  CHECK(tern::nas::weightless_edges(tern::nas::Genotype::load(run + "/genotype-last.json").reduce) == 0);
  CHECK(tern::nas::weightless_edges(tern::nas::Genotype::load(run + "/genotype-best.json").normal) == 0);
  c.space = "darts";
  CHECK_THROWS_WITH(tern::choose_again(c, run), ContainsSubstring("line 1: expected 8 operations an edge; got 7"));
  c.space = "tas";
  std::string damaged = tern::read_text_file(run + "/metrics.jsonl");
  damaged.replace(damaged.find("[[") + 2, 1, "-7");
  tern::write_file_atomically(run + "/metrics.jsonl", std::string_view(damaged));
  CHECK_THROWS_WITH(tern::choose_again(c, run), ContainsSubstring("line 1: expected probabilities"));
  tern::write_file_atomically(run + "/metrics.jsonl", std::string_view("{\"epoch\":0}\n"));
  CHECK_THROWS_WITH(tern::choose_again(c, run), ContainsSubstring("line 1: no mixture"));
  tern::write_file_atomically(run + "/metrics.jsonl", std::string_view());
  CHECK_THROWS_WITH(tern::choose_again(c, run), ContainsSubstring("no epoch yet"));
}

TEST_CASE("search: alpha moves, and a second order gradient moves it elsewhere", "[train]") {
  const auto alphas = [](SearchConfig c) {
    const TempDir dir;
    tern::search(c, dir / "run", false);
    for (const tern::NamedTensor& t : tern::read_safetensors(dir / "run" + "/last.safetensors").tensors) {
      if (t.name == "net.arch.normal") return t.value.to_vector();
    }
    return std::vector<double>{};
  };
  SearchConfig c = augmented_search();
  c.epochs = 1;
  const std::vector<double> first = alphas(c);
  REQUIRE(first.size() == 14 * 7);
  double moved = 0;
  for (const double a : first) moved = std::max(moved, std::abs(a));
  CHECK(moved > 0.01);  // two Adam steps of 0.01 from 1e-3 noise
  c.order = 2;
  CHECK(alphas(c) != first);
  c.order = 1;
  c.max_bytes = 1000;
  CHECK(alphas(c) != first);
  c.max_bytes = 0;
  tern::set_num_threads(1);
  const std::vector<double> one_thread = alphas(c);
  tern::set_num_threads(4);
  CHECK(one_thread == first);
  tern::set_num_threads(2);
}

TEST_CASE("search: the binary and the DARTS space run, and their genotypes stay in them", "[train]") {
  for (const char* space : {"binary", "darts"}) {
    SearchConfig c = augmented_search();
    c.space = space;
    c.epochs = 1;
    c.limit_train = 32;
    const TempDir dir;
    tern::search(c, dir / "run", false);
    const tern::nas::Genotype g = tern::nas::Genotype::load(dir / "run" + "/genotype-best.json");
    CHECK(g.space == space);
    if (g.space == "darts") {
      for (const auto& choice : g.normal) CHECK(choice.op != "zero");
    }
  }
}

TEST_CASE("search: what was found trains, from a genotype file", "[train]") {
  const TempDir dir;
  SearchConfig c = augmented_search();
  c.epochs = 1;
  tern::search(c, dir / "search", false);
  tern::TrainConfig t;
  t.genotype = dir / "search" + "/random-1.json";
  t.options = "cells=3";
  t.width = 4;
  t.data = "fashion-mnist-mini";
  t.limit_train = 32;
  t.limit_test = 16;
  t.epochs = 2;
  t.batch = 16;
  t.drop_path = 0.2;
  t.schedule = "one_cycle:hi=0.05,lo=4e-4";
  const tern::TrainResult r = tern::train(t, dir / "final", false);
  CHECK(r.finished);
  t.width = 0;
  t.options = "cells=3,budget=20000";
  tern::train(t, dir / "budget", false);
  t.options = "cell=3";
  CHECK_THROWS_WITH(tern::train(t, dir / "bad", false), ContainsSubstring("budget"));
}

TEST_CASE("search: configuration", "[train]") {
  SearchConfig c;
  c.set("arch_lr", "0.5");
  c.set("space", "darts");
  CHECK(SearchConfig::parse(c.toml(), "text").toml() == c.toml());
  CHECK_THROWS_WITH(SearchConfig::parse("[space]\ncell = 3\n", "c.toml"),
                    ContainsSubstring("line 2: [space] unknown key \"cell\"; did you mean \"cells\"?"));
  CHECK_THROWS_WITH(SearchConfig::parse("[optim]\n", "c.toml"),
                    ContainsSubstring("known: space, data, search, weights"));
  const auto bad = [](const char* name, const char* text) {
    SearchConfig b;
    b.set(name, text);
    INFO(name);
    CHECK_THROWS_AS(b.check(), tern::ValueError);
  };
  bad("validation", "0");
  bad("order", "3");
  bad("paths", "two");
  bad("entropy_weight", "-0.5");
  bad("zero_gamma", "0");
  bad("allow_zero", "perhaps");
  bad("data", "folder:/tmp/caf\xe9");
  const TempDir dir;
  CHECK_THROWS_AS(tern::search(augmented_search(), dir / "nothing", true), tern::IoError);
}

TEST_CASE("curves: read from metrics, drawn; damaged lines are named", "[train]") {
  const TempDir dir;
  const auto write = [&](const std::string& text) {
    tern::write_file_atomically(dir / "metrics.jsonl", std::string_view(text));
  };
  write("{\"epoch\":0,\"test\":{\"accuracy\":0.5}}\n{\"epoch\":1}\n{\"epoch\":2,\"test\":{\"accuracy\":0.75}}\n");
  const tern::Curve c = tern::accuracy_curve(dir.str(), "a<b");
  CHECK(c.x == std::vector<double>{1, 3});
  CHECK(c.y == std::vector<double>{50, 75});
  const std::string svg = tern::curves_svg({c}, "t", "x", "y");
  CHECK(svg.find("a&lt;b") != std::string::npos);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK_NOTHROW(tern::curves_svg({{"one point", {1}, {2}}}, "t", "x", "y"));
  CHECK_THROWS_AS(tern::curves_svg({}, "t", "x", "y"), tern::ValueError);
  write("{\"epoch\":0,\"test\":{\"accuracy\":0.5}}\nnonsense\n");
  CHECK_THROWS_WITH(tern::accuracy_curve(dir.str(), "x"), ContainsSubstring("line 2"));
  const auto refused = [&](const std::string& epoch, const std::string& accuracy, const char* why) {
    INFO(epoch << " " << accuracy);
    write("{\"epoch\":" + epoch + ",\"test\":{\"accuracy\":" + accuracy + "}}\n");
    CHECK_THROWS_AS(tern::accuracy_curve(dir.str(), "x"), tern::FormatError);
    CHECK_THROWS_WITH(tern::accuracy_curve(dir.str(), "x"), ContainsSubstring("line 1: ") && ContainsSubstring(why));
  };
  refused("100000000000000000", "0.5", "expected an epoch in 0 .. 2^24");
  refused("-1", "0.5", "expected an epoch");
  refused("0", "1e300", "expected an accuracy in 0 .. 1");
  refused("0", "-0.1", "expected an accuracy");
  refused("0", "null", "not a line of a run's metrics");
  // However large the numbers are, the ticks end.
  CHECK_NOTHROW(tern::curves_svg({{"far", {1e17, 1e17 + 64}, {-1e308, 1e308}}}, "t", "x", "y"));
  CHECK_NOTHROW(tern::curves_svg({{"flat", {1e17}, {1e300}}}, "t", "x", "y"));
}
