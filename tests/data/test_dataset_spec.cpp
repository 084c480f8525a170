// What may stand behind the name of a data set.
#include "data/dataset_spec.hpp"
#include "files.hpp"

using tern::LoadOptions;
using tern::data::parse_spec;

TEST_CASE("dataset spec: options behind a name or a path", "[data]") {
  const auto plain = parse_spec("mnist", {});
  CHECK(plain.name == "mnist");
  CHECK_FALSE(plain.has_path);
  CHECK(plain.asks_split.empty());
  CHECK(plain.asks_tree.empty());
  const auto all = parse_spec("folder:my photos,2024,split=0.1,seed=7,channels=1,bad=skip,memory=3", {});
  CHECK(all.name == "folder");
  CHECK(all.path == "my photos,2024");
  CHECK(all.asks_split == "split");
  CHECK(all.options.split.share == 0.1);
  CHECK(all.options.split.seed == 7);
  CHECK(all.options.shape.channels == 1);
  CHECK(all.options.skip_bad);
  CHECK(all.options.memory == std::uint64_t{3} << 20);
  CHECK(all.options.split.text() == "split=0.1,seed=7");
  CHECK(parse_spec("mnist,channels=3", {}).options.shape.channels == 3);
  // What the text does not say stays as it was given.
  LoadOptions given;
  given.shape.channels = 3;
  given.skip_bad = true;
  given.split.share = 1;
  CHECK(parse_spec("folder:x", given).options.shape.channels == 3);
  CHECK(parse_spec("folder:x,seed=2", given).options.skip_bad);
  CHECK(parse_spec("folder:x,channels=auto", given).options.shape.channels == 0);
  CHECK(given.split.text() == "split=1");
}

TEST_CASE("dataset spec: the page of the data sets has every option with its default", "[data]") {
  std::ifstream page(std::string(TERN_SOURCE_DIR) + "/datasets/README.md");
  const std::string text((std::istreambuf_iterator<char>(page)), {});
  for (const tern::SpecOption& o : tern::dataset_options()) {
    CAPTURE(o.name);
    CHECK_THAT(text, ContainsSubstring("| `" + o.name + "` | " + o.fallback + " |"));
  }
  const LoadOptions defaults;
  CHECK(defaults.split.text() == "split=0.2,seed=1");
  CHECK(defaults.memory == std::uint64_t{4096} << 20);
}

TEST_CASE("dataset spec: what cannot be meant is refused", "[data]") {
  CHECK_THROWS_WITH(parse_spec("folder:x,splt=0.1", {}),
                    ContainsSubstring("splt") && ContainsSubstring("did you mean \"split\"?"));
  for (const char* bad : {"folder:x,split=1.5", "folder:x,split=", "folder:x,channels=2", "folder:x,bad=maybe",
                          "folder:x,seed=-1", "folder:x,memory=x", "folder:x,seed=1,seed=2"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_spec(bad, {}), tern::ValueError);
  }
  // A path that is there may look as it likes.
  const files::TempDir dir;
  files::write(dir / "a,b=c/x", {});
  CHECK(parse_spec("folder:" + (dir / "a,b=c"), {}).path == dir / "a,b=c");
  CHECK(parse_spec("folder:" + (dir / "a,b=c") + ",seed=3", {}).options.split.seed == 3);
}
