// Flags that follow from a list of settings: one --flag a field, grouped by section.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli.hpp"
#include "tern/error.hpp"
#include "tern/train.hpp"

namespace tern::cli {

/// What the flags gave, by the name of the setting.
using Overrides = std::map<std::string, std::string>;
/// `overrides` must outlive `verb`.
void add_config_options(App& verb, const std::vector<TrainConfig::Field>& fields, Overrides& overrides);

/// What stands where a configuration is expected: with --resume it may be the run, as --run names it.
/// Errors: ValidationError for another directory, or a file that is not there.
void take_run_directory(std::string& config, std::string& run, bool resumes);

/// The file with the settings of a run or search; "" if the directory has none.
std::string settings_of(const std::string& run);
/// Whether a file holds settings of this kind, TrainConfig or SearchConfig.
template <class Config>
bool reads_as(const std::string& file) {
  try {
    Config::load(file);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace tern::cli
