// tern freeze: train the weights of a pretrained network onto the grid (RPR and its kin).
#include "tern/freeze.hpp"

#include <fmt/core.h>

#include <filesystem>

#include "tern/error.hpp"
#include "tern/safetensors.hpp"
#include "training.hpp"

namespace tern::cli {
namespace {

/// Where RPR wants something else than training. The best network on the grid is chosen by the images that are held
/// out.
constexpr std::pair<const char*, const char*> kDefaults[] = {
    {"policy", "rpr"},     {"phases", "small"}, {"weights", "grid:levels=ternary"}, {"optimizer", "adam"},
    {"weight_decay", "0"}, {"ema", "0"},        {"label_smoothing", "0"},           {"validation", "0.04"}};

/// The settings as the help of this verb shows them.
std::vector<TrainConfig::Field> fields() {
  std::vector<TrainConfig::Field> all = TrainConfig::fields();
  for (TrainConfig::Field& f : all) {
    if (f.name == "from") continue;
    f.fallback = f.fallback.empty() ? "as in --from" : "as in --from, else " + f.fallback;
    for (const auto& [name, text] : kDefaults) {
      if (f.name == name) f.fallback = text;
    }
    if (f.name == "validation") f.fallback = "as in --from, 0.04 where that is 0";
    if (f.name == "epochs" || f.name == "schedule") f.fallback = "--phases replace it";
  }
  return all;
}

/// Topology, data and the rest as the pretrained run had them, but for kDefaults.
TrainConfig freezing_defaults(const std::string& from) {
  namespace fs = std::filesystem;
  TrainConfig config;
  std::error_code ec;
  if (fs::is_directory(from, ec)) {
    config = TrainConfig::load((fs::path(from) / "config.toml").string());
  } else if (from.ends_with(".safetensors")) {
    const SafetensorsFile file = read_safetensors(from);
    if (const auto it = file.metadata.find("config"); it != file.metadata.end())
      config = TrainConfig::parse(it->second, from);
  }
  const double validation = config.validation;
  for (const auto& [name, text] : kDefaults) config.set(name, text);
  if (validation > 0) config.validation = validation;
  config.from = from;
  return config;
}

/// What --from names, else the configuration file.
std::string pretrained(const TrainingOptions& o) {
  if (const auto from = o.overrides.find("from"); from != o.overrides.end()) return from->second;
  return o.config.empty() ? "" : TrainConfig::load(o.config).from;
}

}  // namespace

void add_freeze(App& app) {
  struct Options : TrainingOptions {
    bool plan = false;
  };
  auto o = std::make_shared<Options>();
  App* verb = app.add_subcommand("freeze",
                                 "Train a pretrained network onto the grid: --policy rpr --from RUN or FILE; topology, "
                                 "data and the rest as in RUN");
  add_training_options(*verb, fields(), *o);
  verb->add_flag("--plan", o->plan, "Print the phases and stop");
  verb->callback([o] {
    if (o->run.empty() && (o->resume || !o->plan)) throw ValidationError("--run", "is required (but not with --plan)");
    TrainConfig config = configured(*o, o->resume ? TrainConfig{} : freezing_defaults(pretrained(*o)));
    if (o->resume && config.policy == "none") {
      throw ValidationError("--resume",
                            "\"" + o->run + "\" was begun without a freezing policy; continue it with tern train");
    }
    if (config.from.empty() && !o->resume) {
      throw ValidationError("--from", "name the pretrained run or file, or a configuration that does");
    }
    if (config.policy == "none") throw ValidationError("--policy", "name a freezing policy (tern list policies)");
    if (!o->plan) return run_training(config, *o, "freeze");
    const FreezeSchedule schedule = FreezeSchedule::parse(config.phases);
    if (o->common.json) return print_json({{"phases", schedule.str()}, {"epochs", schedule.epochs()}});
    for (const std::string& line : schedule.lines(config.weight_lr)) fmt::print("{}\n", line);
    fmt::print("{}{} epochs\n", schedule.has_auto() ? "at most " : "", schedule.epochs());
  });
}

}  // namespace tern::cli
