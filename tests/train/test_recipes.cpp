// Every recipe that tern ships must name things that exist.
#include <filesystem>

#include "catch.hpp"
#include "files/write.hpp"
#include "temp_dir.hpp"
#include "tern/nas.hpp"
#include "tern/optim.hpp"
#include "tern/search.hpp"
#include "tern/train.hpp"
#include "train/internal.hpp"

namespace fs = std::filesystem;

namespace {

bool is_data(const std::string& name) {
  for (const tern::DatasetEntry& d : tern::datasets()) {
    if (d.name == name) return true;
  }
  return name.starts_with("folder:") || name.starts_with("tar:");
}

void check_search(const tern::SearchConfig& c) {
  CHECK_NOTHROW(c.check());
  CHECK_NOTHROW(tern::make_schedule(c.schedule));
  CHECK_NOTHROW(tern::Augment::parse(c.augment));
  CHECK(is_data(c.data));
  tern::nas::CellOptions o{.space = c.space, .cell_template = c.cell_template, .reduction_skip = c.reduction_skip};
  o.cells = c.cells;
  o.width = c.width;
  CHECK_NOTHROW(tern::nas::supernet_graph(o));
}

// The recipe names the genotype of a search that the user has run; its settings must fit any genotype of a space.
tern::Graph graph_of_any_genotype(tern::TrainConfig c) {
  const TempDir dir;
  tern::Rng rng(1);
  tern::nas::CellOptions o;
  o.space = c.weights.starts_with("ttq") ? "darts" : c.weights.starts_with("bwn") ? "binary" : "tas";
  c.genotype = dir / "genotype.json";
  tern::write_file_atomically(c.genotype, tern::nas::random_genotype(o, rng).json());
  return tern::genotype_graph(c, tern::Shape{3, 32, 32}, 10);
}

}  // namespace

TEST_CASE("recipes: every file names known settings, topologies, quantizers, data sets and schedules", "[train]") {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(TERN_SOURCE_DIR "/tools/recipes")) {
    if (entry.path().extension() != ".toml") continue;
    INFO(entry.path().filename().string());
    ++count;
    if (entry.path().filename().string().find("-search") != std::string::npos) {
      check_search(tern::SearchConfig::load(entry.path().string()));
      continue;
    }
    const tern::TrainConfig c = tern::TrainConfig::load(entry.path().string());
    CHECK_NOTHROW(c.check());
    CHECK_NOTHROW(tern::make_schedule(c.schedule));
    CHECK_NOTHROW(tern::make_optimizer(c.optimizer, {}));
    const tern::Augment augment = tern::Augment::parse(c.augment);
    CHECK(is_data(c.data));
    const int size = c.image_size > 0               ? static_cast<int>(c.image_size)
                     : c.data == "tiny-imagenet-10" ? 64
                     : c.data == "stl10"            ? 96
                                                    : 32;
    const tern::ImageShape shape = augment.output_shape({3, size, size});
    tern::ModelOptions options;
    options.input = tern::Shape{3, shape.height, shape.width};
    options.weights = c.weights;
    options.acts = c.acts;
    options.width = c.width;
    if (!c.options.empty()) {
      for (auto& [key, value] : tern::Spec::parse("options:" + c.options).options) options.extra[key] = value;
    }
    if (c.genotype.empty()) {
      CHECK_NOTHROW(tern::make_model(c.model, options));
    } else {
      CHECK_NOTHROW(graph_of_any_genotype(c));
    }
    if (c.weights != "none") {
      CHECK_NOTHROW(tern::make_weight_quantizer(tern::Spec::parse(c.weights), tern::Shape{4, 3, 3, 3}));
    }
    if (c.acts != "none") CHECK_NOTHROW(tern::make_act_quantizer(tern::Spec::parse(c.acts)));
  }
  CHECK(count >= 17);
}
