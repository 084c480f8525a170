// What training does with a batch: one step of the optimizer, with a freezing policy and averaged weights where the
// configuration asks for them.
#pragma once

#include <memory>
#include <vector>

#include "tern/nn.hpp"
#include "tern/optim.hpp"
#include "tern/train.hpp"
#include "train/checkpoint.hpp"
#include "train/freezing.hpp"
#include "train/run.hpp"

namespace tern {

class TrainingStep {
 public:
  /// Errors: those of Network, make_optimizer(), make_schedule() and Freezing.
  TrainingStep(const TrainConfig& config, Graph graph, const ShapeCheck& check);

  Network& network() { return network_; }
  /// Null without a freezing policy.
  Freezing* freezing() { return freezing_.get(); }
  const Freezing* freezing() const { return freezing_.get(); }
  /// Of the whole run; an auto phase of a freezing policy may shorten it.
  std::int64_t epochs() const { return freezing_ ? freezing_->epochs() : config_.epochs; }

  /// Once, in a new run: quantizers set themselves up from the weights and from `images`.
  /// Errors: ValueError if one cannot be frozen.
  void begin(const Tensor& images);
  /// Before the steps of an epoch, of which at.step are done.
  void begin_epoch(const Position& at);
  /// Errors: Diverged if the loss is not finite.
  StepResult run(const Batch& batch, const Position& where);
  /// The learning rate of a step.
  double lr(const Position& where) const;
  /// Between two calls the network holds the averaged weights, if there are any.
  void swap_averages();

  /// Tensors and states of a checkpoint, and the graph.
  Checkpoint state();
  /// What state() gave. Errors: FormatError.
  void restore(const Checkpoint& checkpoint, const std::string& file);

 private:
  void make_averages();

  TrainConfig config_;
  Network network_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Schedule> schedule_;
  std::unique_ptr<Freezing> freezing_;
  std::unique_ptr<ExponentialMovingAverage> averages_;
};

/// As long as it lives, the network holds the averaged weights, if there are any.
class AveragedWeights {
 public:
  explicit AveragedWeights(TrainingStep& step) : step_(step) { step_.swap_averages(); }
  ~AveragedWeights() { step_.swap_averages(); }
  AveragedWeights(const AveragedWeights&) = delete;
  AveragedWeights& operator=(const AveragedWeights&) = delete;

 private:
  TrainingStep& step_;
};

}  // namespace tern
