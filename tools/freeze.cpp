// tern freeze: train the weights of a pretrained network onto the grid (RPR and its kin).
#include <fmt/core.h>

#include <filesystem>

#include "tern/error.hpp"
#include "tern/freeze.hpp"
#include "tern/safetensors.hpp"
#include "training.hpp"

namespace tern::cli {
namespace {

/// Share of the training images that is held out where nothing says how many: the best network on the grid is chosen by them.
constexpr double kValidation = 0.04;

/// Topology and data as the pretrained run had them, the rest as RPR wants it.
TrainConfig freezing_defaults(const std::string& from) {
  namespace fs = std::filesystem;
  TrainConfig config;
  std::error_code ec;
  if (fs::is_directory(from, ec)) {
    config = TrainConfig::load((fs::path(from) / "config.toml").string());
  } else if (from.ends_with(".safetensors")) {
    const SafetensorsFile file = read_safetensors(from);
    if (const auto it = file.metadata.find("config"); it != file.metadata.end()) config = TrainConfig::parse(it->second, from);
  }
  config.from = from;
  config.policy = "rpr";
  config.phases = "small";
  config.weights = "grid:levels=ternary";
  config.optimizer = "adam";
  config.weight_decay = 0;
  config.ema = 0;
  config.label_smoothing = 0;
  return config;
}

}  // namespace

void add_freeze(App& app) {
  struct Options : TrainingOptions {
    bool plan = false;
  };
  auto o = std::make_shared<Options>();
  App* verb = app.add_subcommand(
      "freeze", "Train a pretrained network onto the grid: --policy rpr --from RUN or FILE; topology and data as in RUN");
  add_training_options(*verb, *o);
  verb->add_flag("--plan", o->plan, "Print the phases and stop");
  verb->callback([o] {
    const auto from = o->overrides.find("from");
    TrainConfig config = configured(*o, from == o->overrides.end() ? TrainConfig{} : freezing_defaults(from->second));
    if (o->resume && config.policy == "none") {
      throw ValidationError("--resume", "\"" + o->run + "\" was begun without a freezing policy; continue it with tern train");
    }
    if (config.from.empty() && !o->resume) {
      throw ValidationError("--from", "name the pretrained run or file, or a configuration that does");
    }
    if (config.policy == "none") throw ValidationError("--policy", "name a freezing policy (tern list policies)");
    if (config.validation == 0 && !o->resume && !o->overrides.contains("validation")) config.validation = kValidation;
    if (!o->plan) return run_training(config, *o, "freeze");
    const FreezeSchedule schedule = FreezeSchedule::parse(config.phases);
    if (o->common.json) return print_json({{"phases", schedule.str()}, {"epochs", schedule.epochs()}});
    for (const std::string& line : schedule.lines(config.weight_lr)) fmt::print("{}\n", line);
    fmt::print("{}{} epochs\n", schedule.has_auto() ? "at most " : "", schedule.epochs());
  });
}

}  // namespace tern::cli
