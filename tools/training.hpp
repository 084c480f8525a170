// What the verbs that train share: settings from a file and from flags, progress, the report.
#pragma once

#include <string>

#include "config_options.hpp"
#include "console.hpp"
#include "tern/train.hpp"

namespace tern::cli {

inline constexpr const char* kResumeAnywayHelp =
    "Continue although settings, data or instruction set have changed since, with other bits than an undisturbed run";

struct TrainingOptions {
  Common common;
  std::string config, run;
  bool resume = false, resume_anyway = false;
  bool resumes() const { return resume || resume_anyway; }
  Overrides overrides;
};
/// The configuration file, --run, --resume, --resume-anyway, a flag for each of `fields`, and the common options.
/// Returns --run. `options` must outlive `app`.
Option add_training_options(App& app, const std::vector<TrainConfig::Field>& fields, TrainingOptions& options);

/// With --resume the run's own settings; else `base`, over it the configuration file, over that the flags.
TrainConfig configured(const TrainingOptions& options, const TrainConfig& base);

/// Notes, steps and interrupts of any run. Until its first step a signal ends the program at once: there is nothing to
/// keep.
void report_to(RunCallbacks& callbacks, Progress& progress, const Common& common);

/// Trains with progress on the terminal. `verb`: how to continue a run that was stopped.
void run_training(const TrainConfig& config, const TrainingOptions& options, const std::string& verb);

}  // namespace tern::cli
