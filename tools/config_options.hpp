// Flags that follow from a list of settings: one --flag a field, grouped by section.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli.hpp"
#include "tern/train.hpp"

namespace tern::cli {

/// What the flags gave, by the name of the setting.
using Overrides = std::map<std::string, std::string>;
/// `overrides` must outlive `verb`.
void add_config_options(App& verb, const std::vector<TrainConfig::Field>& fields, Overrides& overrides);

}  // namespace tern::cli
