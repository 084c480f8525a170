#include "train/search_step.hpp"

#include <chrono>
#include <cmath>
#include <map>

#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/ops.hpp"
#include "train/diverged.hpp"
#include "train/internal.hpp"

namespace tern {
namespace {

using Clock = std::chrono::steady_clock;

// Stream of random numbers; 1 is the network's own.
constexpr std::uint64_t kDrawnPaths = 0x70617468;

// Copies of tensors that a part of a step must not change.
class Snapshot {
 public:
  explicit Snapshot(std::vector<NamedTensor> tensors) : tensors_(std::move(tensors)) {
    for (const NamedTensor& t : tensors_) values_.push_back(t.value.clone());
  }
  ~Snapshot() {
    for (std::size_t i = 0; i < tensors_.size(); ++i) tensors_[i].value.copy_from(values_[i]);
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  std::vector<NamedTensor> tensors_;
  std::vector<Tensor> values_;
};

void want_gradients(std::vector<NamedTensor> tensors, bool on) {
  for (NamedTensor& t : tensors) t.value.set_requires_grad(on);
}

// max(0, cost / limit - 1)
Tensor excess(const Tensor& cost, double limit) { return relu(add_scalar(scale(cost, 1 / limit), -1)); }

}  // namespace

LabelledImages::LabelledImages(const Batch& batch)
    : images(batch_tensor(batch)),
      labels(Tensor::from(batch.labels, Shape{batch.size()})),
      plain_labels(batch.labels.begin(), batch.labels.end()) {}

// ---- setting up ----

SearchStep::SearchStep(const SearchConfig& config, const nas::CellOptions& options)
    : config_(config), net_(std::make_unique<nas::Supernet>(options, static_cast<std::uint64_t>(config.seed))) {
  order_ = config_.order > 0 ? config_.order : net_->space().order;
  lambda_ = config_.entropy_weight >= 0 ? config_.entropy_weight : net_->space().entropy_weight;
  drawn_ = Rng(static_cast<std::uint64_t>(config_.seed), kDrawnPaths);
  make_optimizers();
  make_limits();
}

void SearchStep::make_optimizers() {
  ParamGroup decayed{.name = "weights", .params = {}, .weight_decay = config_.weight_decay};
  ParamGroup plain{.name = "small", .params = {}};
  for (const Parameter& p : net_->weights()) {
    (p.kind == ParamKind::kWeight ? decayed : plain).params.push_back({p.name, p.value});
  }
  sgd_ = make_optimizer(Spec{"sgd", {}}.with("momentum", config_.momentum), {decayed, plain});
  adam_ = make_optimizer(Spec{"adam", {}}.with("beta1", config_.arch_beta1).with("beta2", config_.arch_beta2),
                         {{.name = "alpha", .params = net_->alphas(), .weight_decay = config_.arch_weight_decay}});
  schedule_ = make_schedule(config_.schedule);

  std::map<std::string, Tensor> momenta;
  for (const NamedTensor& t : sgd_->state()) momenta[t.name] = t.value;
  for (const ParamGroup& group : {decayed, plain}) {
    for (const NamedTensor& t : group.params) {
      problem_.weights.push_back({t.value, momenta[t.name + ".momentum"], group.weight_decay});
    }
  }
  for (const NamedTensor& a : net_->alphas()) problem_.alphas.push_back(a.value);
  problem_.momentum = config_.momentum;
}

void SearchStep::make_limits() {
  nas::CellOptions final_options = net_->options();
  final_options.cells = config_.final_cells;
  final_options.width = config_.final_width;
  if (config_.max_bytes > 0) limits_.push_back({nas::cost_table(final_options, nas::Cost::kBytes), config_.max_bytes});
  if (config_.max_macs > 0) limits_.push_back({nas::cost_table(final_options, nas::Cost::kMacs), config_.max_macs});
}

std::vector<NamedTensor> SearchStep::network_state() const {
  std::vector<NamedTensor> out = net_->network().state();
  for (const NamedTensor& a : net_->alphas()) out.push_back(a);
  return out;
}

std::vector<NamedTensor> SearchStep::optimizer_state() const {
  std::vector<NamedTensor> out = sgd_->state();
  for (const NamedTensor& t : adam_->state()) out.push_back(t);
  return out;
}

Checkpoint SearchStep::state() {
  return {.graph_text = net_->network().graph().format(),
          .rng_position = drawn_.position(),
          .network = network_state(),
          .optimizer = optimizer_state()};
}

void SearchStep::restore(const Checkpoint& c, const std::string& file) {
  tern::restore(c.network, network_state(), file);
  net_->network().weights_changed();
  tern::restore(c.optimizer, optimizer_state(), file);
  drawn_.set_position(c.rng_position);
}

// ---- one step ----

void SearchStep::draw_paths() {
  if (config_.paths == "one") net_->sample(drawn_, config_.temperature);
}

Tensor SearchStep::alpha_loss(const LabelledImages& batch, const Position& where) const {
  Tensor loss = cross_entropy(net_->forward(batch.images), batch.labels);
  const nas::Mixture p = net_->probabilities();
  const double fade = std::exp(-static_cast<double>(where.epoch) / config_.entropy_decay);
  if (lambda_ > 0) loss = sub(loss, scale(nas::mean_entropy(p), lambda_ * fade));
  for (const Limit& l : limits_) {
    loss = add(loss, scale(excess(nas::expected_cost(p, l.table), l.limit), config_.limit_weight));
  }
  return loss;
}

// d(loss of alpha)/d(alpha) into the alphas; weights, statistics and quantizer states stay as they are.
void SearchStep::alpha_gradient(const LabelledImages& train, const LabelledImages& validation, const Position& where,
                                double lr) {
  const Snapshot statistics(net_->network().buffers());
  problem_.train_loss = [&] { return cross_entropy(net_->forward(train.images), train.labels); };
  problem_.validation_loss = [&] { return alpha_loss(validation, where); };
  expect_finite(order_ == 2 ? nas::second_order_gradient(problem_, lr) : nas::first_order_gradient(problem_),
                "the loss of alpha", net_->network(), [&] { net_->forward(validation.images); });
  for (const Tensor& a : problem_.alphas) {
    if (!a.grad().defined()) a.set_grad(Tensor::zeros(a.shape()));  // every drawn edge was zero
  }
}

StepResult SearchStep::weight_gradient(const LabelledImages& batch) {
  want_gradients(net_->alphas(), false);
  sgd_->zero_grad();
  const Tensor logits = net_->forward(batch.images);
  const Tensor loss = cross_entropy(logits, batch.labels);
  expect_finite(loss.item(), "the loss of the weights", net_->network(), [&] { net_->forward(batch.images); });
  backward(loss);
  want_gradients(net_->alphas(), true);
  return {.loss = loss.item(), .correct = count_correct(logits, batch.plain_labels)};
}

StepResult SearchStep::run(const LabelledImages& train, const LabelledImages& validation, const Position& where) {
  net_->network().before_step(where);
  draw_paths();
  alpha_gradient(train, validation, where, lr(where));
  adam_->step(config_.arch_lr);
  adam_->zero_grad();

  const StepResult done = weight_gradient(train);
  if (config_.clip_norm > 0) clip_grad_norm(weight_tensors(), config_.clip_norm);
  sgd_->step(lr(where));
  sgd_->zero_grad();
  net_->network().after_step();
  return done;
}

std::vector<Tensor> SearchStep::weight_tensors() const {
  std::vector<Tensor> out;
  for (const nas::InnerWeight& w : problem_.weights) out.push_back(w.value);
  return out;
}

SearchStep::Cost SearchStep::measure(const LabelledImages& images, const Position& where) {
  Cost cost;
  const std::uint64_t before = drawn_.position();
  const bool training = net_->network().training();
  const Snapshot statistics(net_->network().buffers());
  net_->network().set_training(true);
  if (where.step == 0) net_->network().on_epoch_begin(where);
  net_->network().before_step(where);
  reset_peak_memory();
  constexpr int kWarm = 1, kTimed = 2;
  Clock::time_point start;
  for (int i = 0; i < kWarm + kTimed; ++i) {
    if (i == kWarm) start = Clock::now();
    draw_paths();
    alpha_gradient(images, images, where, config_.arch_lr);
    weight_gradient(images);
  }
  cost.step_seconds = seconds_since(start) / kTimed;
  cost.peak_bytes = memory_stats().peak_bytes;
  sgd_->zero_grad();
  adam_->zero_grad();
  net_->use_all();
  net_->network().set_training(false);
  start = Clock::now();
  net_->network().forward(images.images);
  cost.image_seconds = seconds_since(start) / static_cast<double>(images.plain_labels.size());
  net_->network().set_training(training);
  drawn_.set_position(before);
  return cost;
}

}  // namespace tern
