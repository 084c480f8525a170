// tern freeze: train the weights of a pretrained network onto the grid (RPR and its kin).
#include "tern/freeze.hpp"

#include <fmt/core.h>

#include <filesystem>

#include "core/printable.hpp"
#include "tern/error.hpp"
#include "tern/safetensors.hpp"
#include "training.hpp"
#include "without_effect.hpp"

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

/// Settings that open paths. A checkpoint, which somebody may have sent, sets none of them; a run directory does.
struct PathSetting {
  const char* flag;
  std::string TrainConfig::*field;
};
constexpr PathSetting kPaths[] = {{"--data", &TrainConfig::data},
                                  {"--data-dir", &TrainConfig::data_dir},
                                  {"--graph", &TrainConfig::graph},
                                  {"--genotype", &TrainConfig::genotype}};
/// Stands for a path that the checkpoint names.
const std::string kWithheld = "\n";

bool opens_path(const PathSetting& setting, const std::string& text) {
  return setting.field == &TrainConfig::data ? text.find(':') != std::string::npos : !text.empty();
}

TrainConfig settings_of_checkpoint(const std::string& path) {
  const SafetensorsFile file = read_safetensors(path);
  const auto it = file.metadata.find("config");
  return it == file.metadata.end() ? TrainConfig() : TrainConfig::parse(it->second, path);
}

/// Errors: IoError if a path is left that only the checkpoint names.
void expect_named_paths(const TrainConfig& config) {
  for (const PathSetting& p : kPaths) {
    if (config.*p.field != kWithheld) continue;
    const std::string there = printable(settings_of_checkpoint(config.from).*p.field, 1000);
    throw IoError("\"" + config.from + "\" says " + p.flag + " " + there +
                  "; a path is opened only where you name it: " + p.flag + " " + there);
  }
}

/// Topology, data and the rest as the pretrained run had them, but for kDefaults.
TrainConfig freezing_defaults(const std::string& from) {
  namespace fs = std::filesystem;
  TrainConfig config;
  std::error_code ec;
  if (fs::is_directory(from, ec)) {
    config = TrainConfig::load((fs::path(from) / "config.toml").string());
  } else if (from.ends_with(".safetensors")) {
    config = settings_of_checkpoint(from);
    for (const PathSetting& p : kPaths) {
      if (opens_path(p, config.*p.field)) config.*p.field = kWithheld;
    }
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
  struct FreezeOptions : TrainingOptions {
    bool plan = false;
  };
  auto o = std::make_shared<FreezeOptions>();
  App* verb = app.add_subcommand("freeze",
                                 "Train a pretrained network onto the grid: --policy rpr --from RUN or FILE; topology, "
                                 "data and the rest as in RUN");
  add_training_options(*verb, fields(), *o);
  verb->examples({"tern freeze --from runs/fp32 --run runs/rpr",
                  "tern freeze --from runs/fp32 --run runs/rpr --phases 0.9:5x1e-3,1x1e-4+1:2x1e-4",
                  "tern freeze --from runs/fp32 --phases paper --plan"});
  verb->add_flag("--plan", o->plan, "Print the phases and stop");
  verb->callback([o] {
    take_run_directory(o->config, o->run, o->resumes());
    if (o->run.empty() && (o->resumes() || !o->plan))
      throw ValidationError("--run", "is required (but not with --plan)");
    TrainConfig config = configured(*o, o->resumes() ? TrainConfig{} : freezing_defaults(pretrained(*o)));
    if (o->resumes() && config.policy == "none") {
      throw ValidationError("--resume",
                            "\"" + o->run + "\" was begun without a freezing policy; continue it with tern train");
    }
    if (config.from.empty() && !o->resumes()) {
      throw ValidationError("--from", "name the pretrained run or file, or a configuration that does");
    }
    expect_named_paths(config);
    if (config.policy == "none") throw ValidationError("--policy", "name a freezing policy (tern list policies)");
    refuse_without_effect(config, o->overrides);
    if (!o->plan) return run_training(config, *o, "freeze");
    const FreezeSchedule schedule = FreezeSchedule::parse(config.phases);
    if (o->common.json) return print_json({{"phases", schedule.str()}, {"epochs", schedule.epochs()}});
    for (const std::string& line : schedule.lines(config.weight_lr)) print_out("{}\n", line);
    print_out("{}{} epochs\n", schedule.has_auto() ? "at most " : "", schedule.epochs());
  });
}

}  // namespace tern::cli
