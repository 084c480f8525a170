// What a training run with a freezing policy adds to the loop: rescaled weights at the start, a partition and a learning
// rate an epoch, the end of auto runs, the certificate, and the state of all this in a checkpoint.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tern/freeze.hpp"
#include "tern/train.hpp"

namespace tern {

class Freezing {
 public:
  /// Errors: ValueError from policy, schedule, or a network without quantized weights.
  Freezing(const TrainConfig& config, Network& network, Optimizer& optimizer);

  /// Once, in a new run: writes freeze.svg, tells the schedule, rescales the network.
  void start(const std::string& run_dir, const std::function<void(const std::string&)>& note);

  /// Of the whole run, as far as is known now.
  std::int64_t epochs() const { return schedule_.epochs(ended_); }
  double lr(std::int64_t epoch) const { return schedule_.at(epoch, ended_).lr; }
  /// Draws the partition. Not to be called for an epoch that is resumed in the middle.
  void begin_epoch(std::int64_t epoch);
  /// The numbers of an epoch that is over; with everything frozen, after checking that every weight is on a level.
  /// Errors: Error naming the first weight that is not.
  FreezeResult describe(std::int64_t epoch) const;
  /// An auto run ends when on-grid validation accuracy is stable. Returns a line to tell, or "".
  std::string end_epoch(std::int64_t epoch, std::optional<double> validation_accuracy);

  std::vector<NamedTensor> tensors() const { return freezer_.state(); }
  std::string state() const;
  /// Errors: FormatError.
  void restore_state(const std::string& text, const std::string& path);

 private:
  const TrainConfig& config_;
  Network& network_;
  FreezeSchedule schedule_;
  Freezer freezer_;
  std::vector<std::int64_t> ended_;  // lengths of the auto runs that are over
  std::vector<double> metric_;       // of the auto run under way
};

/// Errors: ValueError on settings of [freeze] that do not parse or do not fit the others.
void check_freezing(const TrainConfig& config);

}  // namespace tern
