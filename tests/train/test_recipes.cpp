// Every recipe that tern ships must name things that exist.
#include <filesystem>

#include "catch.hpp"
#include "tern/optim.hpp"
#include "tern/train.hpp"

namespace fs = std::filesystem;

TEST_CASE("recipes: every file names known settings, topologies, quantizers, data sets and schedules", "[train]") {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(TERN_SOURCE_DIR "/tools/recipes")) {
    if (entry.path().extension() != ".toml") continue;
    INFO(entry.path().filename().string());
    ++count;
    const tern::TrainConfig c = tern::TrainConfig::load(entry.path().string());
    CHECK_NOTHROW(c.check());
    CHECK_NOTHROW(tern::make_schedule(c.schedule));
    CHECK_NOTHROW(tern::make_optimizer(c.optimizer, {}, {}));
    const tern::Augment augment = tern::Augment::parse(c.augment);
    bool known = c.data.starts_with("folder:") || c.data.starts_with("tar:");
    for (const tern::DatasetEntry& d : tern::datasets()) known = known || d.name == c.data;
    CHECK(known);
    const int size = c.image_size > 0 ? static_cast<int>(c.image_size) : c.data == "tiny-imagenet-10" ? 64 : c.data == "stl10" ? 96 : 32;
    const tern::ImageShape shape = augment.output_shape({3, size, size});
    tern::ModelOptions options;
    options.input = tern::Shape{3, shape.height, shape.width};
    options.weights = c.weights;
    options.acts = c.acts;
    options.width = c.width;
    if (!c.options.empty()) {
      for (auto& [key, value] : tern::Spec::parse("options:" + c.options).options) options.extra[key] = value;
    }
    CHECK_NOTHROW(tern::make_model(c.model, options));
    if (c.weights != "none") {
      CHECK_NOTHROW(tern::make_weight_quantizer(tern::Spec::parse(c.weights), tern::Shape{4, 3, 3, 3}));
    }
    if (c.acts != "none") CHECK_NOTHROW(tern::make_act_quantizer(tern::Spec::parse(c.acts)));
  }
  CHECK(count >= 17);
}
