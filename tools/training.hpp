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
/// The configuration file, --run, --resume, a flag for every setting, and the common options. `options` must outlive `app`.
void add_training_options(App& app, TrainingOptions& options);

/// With --resume the run's own settings; else those of the configuration file, or `base` if there is none; then the flags.
TrainConfig configured(const TrainingOptions& options, const TrainConfig& base);

/// Trains with progress on the terminal. `verb`: how to continue a run that was stopped.
void run_training(const TrainConfig& config, const TrainingOptions& options, const std::string& verb);

}  // namespace tern::cli
