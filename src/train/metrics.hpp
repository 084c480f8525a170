// metrics.jsonl: one JSON object an epoch.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tern/train.hpp"

namespace tern {

/// One line, newline included.
std::string metrics_line(const EpochResult& result);

/// Adds a line behind the first `bytes` of the file and waits until it is on the disk, so that no checkpoint knows of
/// more lines than there are. What a write that failed left behind them goes. Errors: IoError; `bytes` stays.
void append_metrics(const std::string& path, const std::string& line, std::uint64_t& bytes);
/// What was written behind the checkpoint, which knows of `bytes`, is cut off. If there is less, the whole lines stay,
/// `bytes` tells how much that is, and a note says so. Errors: IoError.
void cut_metrics(const std::string& path, std::uint64_t& bytes, const std::function<void(const std::string&)>& note);
/// Losses, accuracies and times of the last line; none if the file is missing or empty, or that is no line of a run's
/// metrics.
std::optional<EpochResult> last_epoch(const std::string& path);

}  // namespace tern
