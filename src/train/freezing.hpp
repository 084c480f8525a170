// What a training run with a freezing policy adds to the loop: rescaled weights at the start, partitions and a learning
// rate for each epoch, the end of auto runs, the certificate, and the state of all this in a checkpoint.
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

  /// Once, in a new run: tells the schedule, rescales the network.
  void start(const std::function<void(const std::string&)>& note);
  /// Once the quantizers are set up. Errors: ValueError if one cannot be frozen.
  void check_levels() const { freezer_.check_levels(); }
  /// The schedule as SVG.
  std::string drawing() const { return schedule_.svg(); }
  /// That the phases leave weights off the grid at the end; "" if they do not.
  std::string warning() const;

  /// Of the whole run, as far as is known now.
  std::int64_t epochs() const { return schedule_.epochs(ended_); }
  double lr(std::int64_t epoch) const { return schedule_.at(epoch, ended_).lr; }
  /// Draws the partition. Not to be called for an epoch that is resumed in the middle.
  void begin_epoch(std::int64_t epoch);
  void before_step(std::int64_t epoch, std::int64_t step, std::int64_t steps_per_epoch) {
    freezer_.before_step(epoch, step, steps_per_epoch, schedule_.at(epoch, ended_));
  }
  void after_step() { freezer_.after_step(); }
  /// The numbers of an epoch that is over; in the phase with fraction 1 after checking that every weight is frozen, on
  /// a level, and has the code that it was frozen with. Errors: Error naming the first weight that has not.
  FreezeResult describe(std::int64_t epoch) const;
  /// An auto run ends when on-grid validation accuracy is stable. Returns a line to tell, or "".
  std::string end_epoch(std::int64_t epoch, std::optional<double> validation_accuracy);

  std::vector<NamedTensor> tensors() const { return freezer_.state(); }
  std::string state() const;
  /// What tensors() and state() gave. Errors: FormatError.
  void restore(const std::vector<NamedTensor>& tensors, const std::string& state, const std::string& path);

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
