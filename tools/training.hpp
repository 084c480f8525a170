// What the verbs that train share: settings from a file and from flags, progress, the report.
#pragma once

#include <string>

#include "config_options.hpp"
#include "console.hpp"
#include "tern/train.hpp"

namespace tern::cli {

struct TrainingOptions {
  Common common;
  std::string config, run;
  bool resume = false;
  Overrides overrides;
};
/// The configuration file, --run, --resume, a flag for each of `fields`, and the common options. Returns --run.
/// `options` must outlive `app`.
Option add_training_options(App& app, const std::vector<TrainConfig::Field>& fields, TrainingOptions& options);

/// With --resume the run's own settings; else `base`, over it the configuration file, over that the flags.
TrainConfig configured(const TrainingOptions& options, const TrainConfig& base);

/// Trains with progress on the terminal. `verb`: how to continue a run that was stopped.
void run_training(const TrainConfig& config, const TrainingOptions& options, const std::string& verb);

}  // namespace tern::cli
