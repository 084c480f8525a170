// What tern train does where nothing is said: a ternary network for the data set at hand, in a run directory of its
// own.
#pragma once

#include <string>

#include "config_options.hpp"
#include "tern/train.hpp"

namespace tern::cli {

/// `config` with the settings of `given` and, for what is neither given nor named by a file, values that suit its data
/// set. The weights and activations become ternary unless one of them, a graph or a genotype is given. `note`: what was
/// chosen, in a line; "" if nothing.
TrainConfig start_config(const Overrides& given, std::string& note);

/// runs/<data set>-N with the first N that is free.
std::string free_run_directory(const TrainConfig& config);

}  // namespace tern::cli
