// Runs and evaluations that start from weights of others: which checkpoint, which normalisation, what is missing.
#include <algorithm>
#include <filesystem>
#include <map>

#include "archives.hpp"
#include "catch.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"
#include "tern/safetensors.hpp"
#include "tern/train.hpp"
#include "train/runs.hpp"

using tern::TrainConfig;
using tern::testing::tiny_run;

namespace {

/// The tensors of a run's network without the prefix, as a plain file has them.
std::vector<tern::NamedTensor> plain_tensors(const std::string& checkpoint) {
  std::vector<tern::NamedTensor> out;
  for (const auto& t : tern::read_safetensors(checkpoint).tensors) {
    if (t.name.starts_with("net.")) out.push_back({t.name.substr(4), t.value});
  }
  return out;
}

/// Trains for one epoch that changes no parameter, and returns what was said.
std::vector<std::string> start_only(TrainConfig c, const std::string& run) {
  c.epochs = 1;
  c.schedule = "constant:lr=0";
  std::vector<std::string> notes;
  tern::TrainCallbacks callbacks;
  callbacks.note = [&](const std::string& n) { notes.push_back(n); };
  tern::train(c, run, false, callbacks);
  return notes;
}

bool says(const std::vector<std::string>& notes, const std::string& text) {
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& n) { return n.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("pretrained: a run gives its best checkpoint with averaged weights, as evaluation takes them", "[train]") {
  const TempDir dir;
  TrainConfig c = tiny_run();
  c.ema = 0.8;
  c.validation = 0.25;
  tern::train(c, dir / "source", false);
  // The newest checkpoint is another one.
  const auto best = tern::read_safetensors(dir / "source/best.safetensors");
  auto last = tern::read_safetensors(dir / "source/last.safetensors");
  for (const auto& t : last.tensors) {
    if (t.value.dtype() == tern::DType::kF32) t.value.fill(0.125);
  }
  tern::write_safetensors(dir / "source/last.safetensors", last.tensors, last.metadata);

  TrainConfig next = tiny_run();
  next.from = dir / "source";
  const auto notes = start_only(next, dir / "run");
  CHECK(says(notes, "warm start from " + (dir / "source/best.safetensors") + ": "));
  const auto run = tern::read_safetensors(dir / "run/last.safetensors");
  const auto weights = run.find("net.conv2.weight").to_vector();
  CHECK(weights == best.find("ema.conv2.weight").to_vector());
  CHECK(weights != best.find("net.conv2.weight").to_vector());
  const std::string mapping = tern::read_text_file(dir / "run/mapping.txt");
  CHECK(mapping.find("ema.conv2.weight") != std::string::npos);
  CHECK(mapping.find(" 0 missing, 0 unused\n") != std::string::npos);
  const auto evaluated = tern::load_run(dir / "source");
  CHECK(evaluated.mapping.missing == 0);
  CHECK(evaluated.mapping.used == static_cast<std::int64_t>(evaluated.network.state().size()));
  CHECK(evaluated.mapping.table().find("ema.conv2.weight") != std::string::npos);
  CHECK(evaluated.normalisation.mean_from == "from " + (dir / "source/best.safetensors"));
}

TEST_CASE("pretrained: input normalisation comes from the settings, else the file, else the data set", "[train]") {
  const TempDir dir;
  TrainConfig c = tiny_run();
  c.mean = "0.25";
  c.std = "0.5";
  const auto trained = tern::train(c, dir / "source", false);
  const auto tensors = plain_tensors(dir / "source/last.safetensors");
  tern::write_safetensors(dir / "told.safetensors", tensors, {{"mean", "0.25"}, {"std", "0.5"}});
  tern::write_safetensors(dir / "half.safetensors", tensors, {{"mean", "0.25"}});
  tern::write_safetensors(dir / "mute.safetensors", tensors);
  const TrainConfig plain = tiny_run();
  const tern::Images test = tern::load_data(plain).test;
  const auto loss = [&](const TrainConfig& config, const std::string& from) {
    tern::TrainedRun r = tern::load_weights(config, from);
    return tern::evaluate(r.network, test, config.eval_batch).loss;
  };
  for (const char* from : {"told.safetensors", "source", "source/last.safetensors"}) {
    INFO(from);
    CHECK(loss(plain, dir / from) == trained.last.test.loss);
    const auto told = tern::load_weights(plain, dir / from).normalisation;
    CHECK((told.mean == "0.25" && told.std == "0.5"));
    CHECK((told.mean_from.starts_with("from ") && told.std_from.starts_with("from ")));
  }
  CHECK(loss(plain, dir / "mute.safetensors") != trained.last.test.loss);
  CHECK(loss(c, dir / "mute.safetensors") == trained.last.test.loss);
  CHECK(tern::load_weights(c, dir / "told.safetensors").normalisation.line() ==
        "input: mean 0.25 (as set), std 0.5 (as set)");
  const auto half = tern::load_weights(plain, dir / "half.safetensors").normalisation;
  CHECK(half.mean_from == "from " + (dir / "half.safetensors"));
  CHECK(half.std_from == "of the data set");
  // A run that starts from them says the same.
  TrainConfig next = tiny_run();
  next.from = dir / "half.safetensors";
  CHECK(says(start_only(next, dir / "run"),
             "input: mean 0.25 (from " + next.from + "), std " + half.std + " (of the data set)"));
}

TEST_CASE("pretrained: metadata that is no list of numbers makes one short line", "[train]") {
  const TempDir dir;
  tern::train(tiny_run(), dir / "source", false);
  const auto tensors = plain_tensors(dir / "source/last.safetensors");
  for (const std::string& mean : {std::string("0.25\n0.5"), std::string(800000, 'x'), std::string(""),
                                  std::string("nan"), std::string("0.25,")}) {
    tern::write_safetensors(dir / "bad.safetensors", tensors, {{"mean", mean}});
    try {
      tern::load_weights(tiny_run(), dir / "bad.safetensors");
      FAIL("accepted " << mean.substr(0, 20));
    } catch (const tern::FormatError& e) {
      const std::string what = e.what();
      INFO(what);
      CHECK(what.find("numbers joined by ','") != std::string::npos);
      CHECK(what.find('\n') == std::string::npos);
      CHECK(what.size() < 400);
    }
  }
}

TEST_CASE("pretrained: what a checkpoint says of itself is repeated in one short line", "[train]") {
  const TempDir dir;
  const std::string text = "x\n" + std::string(800000, 'y');
  const std::map<std::string, std::string> good{{"tern", "checkpoint 1"},
                                                {"graph", "tern-graph 1\nimage = input() shape=1x4x4\n"},
                                                {"config", ""},
                                                {"state", "{}"}};
  for (const auto& [key, value] :
       {std::pair{"tern", text}, {"graph", text}, {"config", "[model]\n\"" + std::string(800000, 'y') + "\" = 1"}}) {
    auto metadata = good;
    metadata[key] = value;
    tern::write_safetensors(dir / "bad.safetensors", {{"net.w", tern::Tensor::zeros(tern::Shape{1})}}, metadata);
    for (const bool as_run : {true, false}) {
      try {
        if (as_run)
          tern::load_run(dir / "bad.safetensors");
        else
          TrainConfig::parse(value, "bad (config)");
        FAIL("accepted");
      } catch (const tern::Error& e) {
        const std::string what = e.what();
        INFO(what.substr(0, 500));
        CHECK(what.find('\n') == std::string::npos);
        CHECK(what.size() < 600);
      }
    }
  }
}

TEST_CASE(
    "pretrained: a file of another topology, or with a part of the tensors, is refused before anything is written",
    "[train]") {
  const TempDir dir;
  tern::train(tiny_run(), dir / "source", false);
  const auto tensors = plain_tensors(dir / "source/last.safetensors");
  tern::write_safetensors(dir / "part.safetensors", {tensors[0]});
  TrainConfig c = tiny_run();
  c.from = dir / "part.safetensors";
  CHECK_THROWS_WITH(tern::train(c, dir / "run", false),
                    ContainsSubstring("lacks") && ContainsSubstring("allow_missing"));
  CHECK_FALSE(std::filesystem::exists(dir / "run"));
  CHECK_THROWS_WITH(tern::load_weights(tiny_run(), c.from), ContainsSubstring("lacks"));
  c.allow_missing = true;
  CHECK(says(start_only(c, dir / "allowed"), "missing: "));
  CHECK(tern::load_weights(c, c.from).mapping.used == 1);

  c = tiny_run();
  c.from = dir / "source";
  c.width = 8;
  CHECK_THROWS_AS(tern::train(c, dir / "wide", false), tern::ShapeError);
  c.model = "resnet20";
  CHECK_THROWS_AS(tern::train(c, dir / "other", false), tern::Error);
  c.from = dir / "nowhere";
  CHECK_THROWS_AS(tern::train(c, dir / "none", false), tern::IoError);
  for (const char* name : {"wide", "other", "none"}) CHECK_FALSE(std::filesystem::exists(dir / name));
}

TEST_CASE("pretrained: files of torch.save() and graphs for other images are refused with the cure", "[train]") {
  const TempDir dir;
  tern::write_file_atomically(dir / "w.pth", std::string_view("PK"));
  TrainConfig c = tiny_run();
  c.from = dir / "w.pth";
  CHECK_THROWS_WITH(tern::train(c, dir / "run", false), ContainsSubstring("safetensors.torch.save_file"));
  tern::write_file_atomically(
      dir / "net.txt",
      std::string_view("tern-graph 1\nx = input() shape=3x28x28\nf = flatten(x)\ny = linear(f) out=10\n"));
  c.from.clear();
  c.graph = dir / "net.txt";
  CHECK_THROWS_WITH(tern::train(c, dir / "run", false),
                    ContainsSubstring("takes images of 3x28x28; the data set has 1x28x28"));
}

TEST_CASE("pretrained: weights in NumPy's npz and npy", "[train]") {
  using namespace tern::testing;
  const TempDir dir;
  tern::train(tiny_run(), dir / "source", false);
  const auto tensors = plain_tensors(dir / "source/last.safetensors");
  std::vector<Member> members;
  Bytes first;
  for (const auto& t : tensors) {
    std::string shape = "(";
    for (const std::int64_t n : t.value.shape().extents()) shape += std::to_string(n) + ", ";
    const auto values = t.value.span<float>();
    const Bytes array = npy(dictionary("<f4", shape + ")"), raw<float>({values.begin(), values.end()}));
    if (t.name == "conv2.weight") first = array;
    members.push_back(member(t.name + ".npy", array));
  }
  tern::write_file_atomically(dir / "all.npz", zip(members));
  tern::write_file_atomically(dir / "conv2.weight.npy", first);
  const auto weights = tern::read_safetensors(dir / "source/last.safetensors").find("net.conv2.weight").to_vector();
  TrainConfig c = tiny_run();
  c.seed = 2;
  c.from = dir / "all.npz";
  start_only(c, dir / "npz");
  CHECK(tern::read_safetensors(dir / "npz/last.safetensors").find("net.conv2.weight").to_vector() == weights);
  c.from = dir / "conv2.weight.npy";
  c.allow_missing = true;
  start_only(c, dir / "npy");
  CHECK(tern::read_safetensors(dir / "npy/last.safetensors").find("net.conv2.weight").to_vector() == weights);
}
