#include "catch.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"
#include "tern/train.hpp"
#include "train/internal.hpp"

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
  fails("[optim]\nepoch = 3\n", "line 2: [optim] unknown key \"epoch\"; did you mean \"epochs\"? known: epochs");
  fails("[optimizer]\n",
        "unknown section \"optimizer\"; did you mean \"optim\"? known: model, data, optim, freeze, run");
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

TEST_CASE("config: keys of many parts are refused before they are parsed", "[train]") {
  const auto dotted = [](std::size_t parts) {
    std::string key = "a";
    for (std::size_t i = 1; i < parts; ++i) key += ".a";
    return key;
  };
  const auto refused = [](const std::string& text, const char* where) {
    INFO(text.substr(0, 60));
    CHECK_THROWS_AS(TrainConfig::parse(text, "c.toml"), tern::FormatError);
    CHECK_THROWS_WITH(TrainConfig::parse(text, "c.toml"),
                      ContainsSubstring(where) && ContainsSubstring("keys of at most 9 parts"));
  };
  const std::string deep = dotted(100'000);
  refused(deep + " = 1\n", "c.toml, line 1:");
  refused("[data]\n\n[" + deep + "]\n", "c.toml, line 3:");
  refused("[data]\ndata = {" + deep + " = 1}\n", "line 2");
  refused("x = [\n# a 'comment'\n{b = 1, " + deep + " = 1}]\n", "line 3");
  // Strings do not hide what follows them, and an '=' or '#' in a quoted part ends no key.
  refused("'=#'." + deep + " = 1\n", "line 1");
  refused("x = {a = \"\\\"\", " + deep + " = 1}\n", "line 1");
  for (const std::string end : {"\"\"\"", "\"\"\"\"", "\"\"\"\"\""})
    refused("x = {a = \"\"\"\n'" + end + ", " + deep + " = 1}\n", "line 2");
  CHECK_THROWS_WITH(TrainConfig::parse(dotted(10) + " = 1", "c"), ContainsSubstring("9 parts"));
  CHECK_THROWS_WITH(TrainConfig::parse(dotted(9) + " = 1", "c"), ContainsSubstring("unknown section \"a\""));
  for (const std::string quote : {"'", "\"", "'''\n", "\"\"\"\n"}) {
    const std::string back(quote.rbegin(), quote.rend());
    CHECK(TrainConfig::parse("[data]\ndata = " + quote + dotted(50) + "=[" + back + " # " + dotted(50) + "\n", "c")
              .data.starts_with(dotted(50)));
  }
  CHECK_THROWS_WITH(TrainConfig::parse(std::string((1 << 20) + 1, '\n'), "c"),
                    ContainsSubstring("expected at most 1048576 bytes"));
  for (const char* cut : {"'", "\"", "'''", "\"\\", "\"\"\"\\", "a.", "a = '''x''", "a = \"\"\"x\"\""}) {
    CHECK_THROWS_AS(TrainConfig::parse(std::string("[data]\n") + cut, "c"), tern::FormatError);
  }
}

TEST_CASE("config: text that is not UTF-8 is refused by name, and what is UTF-8 comes back", "[train]") {
  TrainConfig c;
  for (const char* good : {"folder:/tmp/caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\xa6"}) {
    c.data = good;
    c.check();
    CHECK(TrainConfig::parse(c.toml(), "c").data == good);
  }
  for (const char* bad : {"folder:/tmp/caf\xe9", "\xed\xa0\x80", "\xe2\x82"}) {
    c.data = bad;
    CHECK_THROWS_AS(c.toml(), tern::ValueError);
    CHECK_THROWS_WITH(c.check(), ContainsSubstring("expected UTF-8 for \"data\"; got \""));
  }
  c.data = "caf\xe9";
  CHECK_THROWS_WITH(c.check(), ContainsSubstring("got \"caf\\xe9\""));
}

TEST_CASE("config: letters that are not ASCII stand in quotes and comments only, and all is UTF-8", "[train]") {
  for (const char* bad : {"[data]\n\xce\x92", "[data]\n\xce\x92 = 1", "[data]\nlimit_train = \xd9\xa1",
                          "\n[d\xc3\xa4ta]", "# \xce\x92\n\xce\x92", "\xef\xbb\xbf\n\xef\xbb\xbf"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(TrainConfig::parse(bad, "c"),
                      ContainsSubstring("c, line 2: expected letters that are not ASCII"));
  }
  for (const char* bad : {"\n# \xce", "\n[data]\ndata = \"\xff\"", "\n\xce"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(TrainConfig::parse(bad, "c"),
                      ContainsSubstring("c, line ") && ContainsSubstring("expected UTF-8"));
  }
  CHECK_NOTHROW(TrainConfig::parse("\xef\xbb\xbf# \xce\x92\n[data]\n", "c"));
}

TEST_CASE("config: the optimizer's spec goes before the settings of old, which may not contradict it", "[train]") {
  TrainConfig c;
  CHECK(tern::optimizer_spec(c).str() == "sgd:momentum=0.9,nesterov=0");
  c.momentum = 0.95;
  c.nesterov = true;
  CHECK(tern::optimizer_spec(c).str() == "sgd:momentum=0.95,nesterov=1");
  c.optimizer = "sgd:nesterov=1,momentum=0.95";
  CHECK(tern::optimizer_spec(c).str() == c.optimizer);
  c.optimizer = "sgd:nesterov=true,momentum=0.8";
  CHECK_THROWS_WITH(tern::optimizer_spec(c), ContainsSubstring("expected one momentum") && ContainsSubstring("0.95"));
  c.optimizer = "adam";
  CHECK_THROWS_WITH(tern::optimizer_spec(c),
                    ContainsSubstring("the optimizer adam has no momentum: the setting:momentum=0.95 has no effect"));
  c.optimizer = "sgd";
  c.set("optimizer", "sgd:momentum=0.95");
  CHECK(c.nesterov);
  c.set("optimizer", "adam:beta2=0.99,eps=1e-6");  // which has neither
  CHECK(c.momentum == 0.9);
  CHECK_FALSE(c.nesterov);
  CHECK(tern::optimizer_spec(c).str() == "adam:beta2=0.99,eps=1e-6,beta1=0.9");
  c.optimizer = "adam:betta=1";
  CHECK_THROWS_WITH(tern::make_optimizer(tern::optimizer_spec(c), {}), ContainsSubstring("unknown option \"betta\""));
}
