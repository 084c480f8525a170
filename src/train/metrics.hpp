// metrics.jsonl: one JSON object an epoch.
#pragma once

#include <string>

#include "tern/train.hpp"

namespace tern {

/// One line, newline included.
std::string metrics_line(const EpochResult& result);

}  // namespace tern
