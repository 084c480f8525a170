#include "train/training_step.hpp"

#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/ops.hpp"
#include "train/diverged.hpp"
#include "train/internal.hpp"

namespace tern {
namespace {

std::vector<Tensor> trainable(const Network& network) {
  std::vector<Tensor> out;
  for (const Parameter& p : network.parameters()) out.push_back(p.value);
  return out;
}

std::unique_ptr<Optimizer> optimizer_of(const TrainConfig& config, const Network& network) {
  return make_optimizer(optimizer_spec(config), parameter_groups(network, config));
}

}  // namespace

TrainingStep::TrainingStep(const TrainConfig& config, Graph graph, const ShapeCheck& check)
    : config_(config), network_(std::move(graph), static_cast<std::uint64_t>(config.seed), check) {
  network_.set_gradient_bits(static_cast<int>(config_.gradient_bits));
  optimizer_ = optimizer_of(config_, network_);
  schedule_ = make_schedule(config_.schedule);
  if (config_.policy != "none") freezing_ = std::make_unique<Freezing>(config_, network_, *optimizer_);
}

void TrainingStep::begin(const Tensor& images) {
  network_.set_training(true);
  network_.init_quantizers(images);
  if (freezing_) freezing_->check_levels();
  make_averages();
}

void TrainingStep::make_averages() {
  if (config_.ema <= 0) return;
  std::vector<NamedTensor> params;
  for (const Parameter& p : network_.parameters()) params.push_back({p.name, p.value});
  averages_ = std::make_unique<ExponentialMovingAverage>(std::move(params), config_.ema);
}

void TrainingStep::begin_epoch(const Position& at) {
  network_.set_training(true);
  network_.set_drop_path(drop_path_at(config_, at.epoch));
  if (at.step > 0) return;
  network_.on_epoch_begin(at);
  if (freezing_) freezing_->begin_epoch(at.epoch);
}

StepResult TrainingStep::run(const Batch& batch, const Position& where) {
  network_.before_step(where);
  if (freezing_) freezing_->before_step(where.epoch, where.step, where.steps_per_epoch);
  const Tensor images = batch_tensor(batch);
  const Tensor logits = network_.forward(images);
  const Tensor loss = cross_entropy(logits, Tensor::from(batch.labels, Shape{batch.size()}), config_.label_smoothing);
  const double value = loss.item();
  expect_finite(value, "the loss", network_, [&] { network_.forward(images); });
  optimizer_->zero_grad();
  backward(loss);
  optimizer_->set_momentum(schedule_->momentum(where));
  if (config_.clip_norm > 0) clip_grad_norm(trainable(network_), config_.clip_norm);
  optimizer_->step(lr(where));
  network_.after_step();
  if (freezing_) freezing_->after_step();
  if (averages_) averages_->update();
  return {.loss = value, .correct = count_correct(logits, batch.labels)};
}

double TrainingStep::lr(const Position& where) const {
  return freezing_ ? freezing_->lr(where.epoch) : schedule_->lr(where);
}

void TrainingStep::swap_averages() {
  if (!averages_) return;
  averages_->swap();
  network_.weights_changed();
}

Checkpoint TrainingStep::state() {
  Checkpoint c{.graph_text = network_.graph().format()};
  c.rng_position = network_.rng().position();
  c.network = network_.state();
  c.optimizer = optimizer_->state();
  if (averages_) c.averages = averages_->state();
  if (freezing_) {
    c.freeze = freezing_->tensors();
    c.freeze_state = freezing_->state();
  }
  return c;
}

void TrainingStep::restore(const Checkpoint& c, const std::string& file) {
  make_averages();
  tern::restore(c.network, network_.state(), file);
  network_.weights_changed();
  tern::restore(c.optimizer, optimizer_->state(), file);
  if (averages_) tern::restore(c.averages, averages_->state(), file);
  if (freezing_) freezing_->restore(c.freeze, c.freeze_state, file);
  network_.rng().set_position(c.rng_position);
}

}  // namespace tern
