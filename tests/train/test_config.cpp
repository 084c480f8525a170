#include "catch.hpp"
#include "core/file.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"
#include "tern/train.hpp"

using tern::TrainConfig;

TEST_CASE("config: what is written is read back, field by field", "[train]") {
  TrainConfig a;
  a.set("epochs", "7");
  a.set("weights", "twn:threshold=exact");
  a.set("weight_decay", "0.0001");
  a.set("nesterov", "true");
  a.set("augment", "pad=2,\"quoted\"\n");
  const TrainConfig b = TrainConfig::parse(a.toml(), "text");
  CHECK(b.toml() == a.toml());
  CHECK(b.epochs == 7);
  CHECK(b.weights == "twn:threshold=exact");
  CHECK(b.weight_decay == 0.0001);
  CHECK(b.nesterov);
  CHECK(b.augment == a.augment);
  CHECK(TrainConfig::fields().size() > 20);
}

TEST_CASE("config: bad files and values name line, key and the known ones", "[train]") {
  const auto fails = [](const std::string& text, const char* reason) {
    INFO(text);
    CHECK_THROWS_AS(TrainConfig::parse(text, "c.toml"), tern::FormatError);
    CHECK_THROWS_WITH(TrainConfig::parse(text, "c.toml"), ContainsSubstring(reason));
  };
  fails("[optim]\nepoch = 3\n", "line 2: unknown key \"epoch\" in [optim]; known: epochs");
  fails("[optimizer]\n", "unknown section \"optimizer\"; known: model, data, optim, freeze, run");
  fails("[optim]\nepochs = 3.5\n", "expected integer for \"epochs\"");
  fails("[optim]\nnesterov = 1\n", "expected true or false");
  fails("[optim\n", "c.toml, line 1");
  CHECK(TrainConfig::parse("[optim]\nmomentum = 0\n", "c").momentum == 0.0);
  TrainConfig base;
  base.epochs = 3;
  base.momentum = 0.5;
  const TrainConfig over = TrainConfig::parse("[optim]\nmomentum = 0\n", "c", base);
  CHECK(over.momentum == 0.0);
  CHECK(over.epochs == 3);
  TrainConfig c;
  CHECK_THROWS_WITH(c.set("epochs", "many"), ContainsSubstring("expected integer for \"epochs\"; got \"many\""));
  CHECK_THROWS_WITH(c.set("nothing", "1"), ContainsSubstring("known: model"));
  c.epochs = 0;
  CHECK_THROWS_WITH(c.check(), ContainsSubstring("epochs"));
  CHECK_THROWS_AS(TrainConfig::load("/nonexistent.toml"), tern::IoError);
}
