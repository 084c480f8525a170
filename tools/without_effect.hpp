// Settings that change nothing beside what else was said: they are refused, since whoever gives one expects something.
#pragma once

#include <span>
#include <string>

#include "config_options.hpp"
#include "tern/search.hpp"
#include "tern/train.hpp"

namespace tern::cli {

/// "quantize_first_last" as the command line has it.
std::string flag_of(std::string setting);

/// Refuses flags that would change none of `configs`: ValidationError that names the flag and says what it needs.
void refuse_without_effect(std::span<const TrainConfig> configs, const Overrides& given);
void refuse_without_effect(const TrainConfig& config, const Overrides& given);
void refuse_without_effect(const SearchConfig& config, const Overrides& given);

/// Refuses what was given beside --resume, for the run keeps its settings: ValidationError that names it.
void refuse_with_resume(const std::string& config_file, const Overrides& given);

/// Refuses --data-dir, where it was given, beside data whose path is said.
void refuse_idle_data_dir(const std::string& data_dir, const std::string& data);

}  // namespace tern::cli
