// Optimizers and learning-rate schedules.
//
//   auto sgd = make_optimizer("sgd", {.momentum = 0.9}, groups);
//   auto schedule = make_schedule("warmup:to=0.1,for=5+cosine:hi=0.1,lo=0");
//   ... backward(loss); sgd->step(schedule->lr(position)); sgd->zero_grad();
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tern/spec.hpp"
#include "tern/tensor.hpp"

namespace tern {

// ---- optimizers ----------------------------------------------------------------------------------------------------------

/// Parameters that follow the same rules. Names must be unique over all groups: the optimizer's state is named by them.
struct ParamGroup {
  std::string name;
  std::vector<NamedTensor> params;
  double lr_scale = 1;       ///< factor on the learning rate, >= 0
  double weight_decay = 0;   ///< L2 penalty (sgd, adam: added to the gradient; adamw: applied to the weight), >= 0
};

struct OptimizerOptions {
  double momentum = 0.9;     ///< sgd: in [0, 1)
  bool nesterov = false;     ///< sgd
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;  ///< adam, adamw
};

/// A parameter without a gradient is left alone in a step: neither its value nor its state changes.
class Optimizer {
 public:
  /// Errors: ValueError if a name appears twice or a parameter does not require a gradient.
  explicit Optimizer(std::vector<ParamGroup> groups);
  virtual ~Optimizer() = default;
  /// Allocates the state. make_optimizer() calls it once the derived object stands; nobody else needs to.
  void prepare();

  /// One update with the gradients that are there. lr >= 0.
  void step(double lr);
  void zero_grad();
  std::vector<ParamGroup>& groups() { return groups_; }

  /// Restricts updates of a parameter: where `mask` (same shape and dtype) is 0, value and state stay as they are, bit for
  /// bit. An undefined mask lifts the restriction. Errors: ValueError on an unknown name; ShapeError.
  void set_mask(const std::string& param, const Tensor& mask);
  /// Zeroes the moments of one parameter and its step count. Errors: ValueError on an unknown name.
  void clear_state(const std::string& param);
  /// Everything a checkpoint needs, under stable names "<param>.<what>".
  std::vector<NamedTensor> state() const;
  /// sgd: changes the momentum from the next step on (cyclical momentum). Others ignore it.
  virtual void set_momentum(double momentum) { (void)momentum; }

 protected:
  struct Slot {
    Tensor value, mask;
    std::string name;
    std::vector<NamedTensor> state;  ///< in the order that make_state() gave
  };
  /// Zeroed tensors that the update of one parameter keeps between steps.
  virtual std::vector<NamedTensor> make_state(const Tensor& value) const = 0;
  virtual void update(Slot& slot, double lr, double weight_decay) = 0;

 private:
  Slot& slot(const std::string& param);

  std::vector<ParamGroup> groups_;
  std::vector<std::vector<Slot>> slots_;  // [group][param]
};

using OptimizerFactory = std::function<std::unique_ptr<Optimizer>(const OptimizerOptions&, std::vector<ParamGroup>)>;
struct OptimInfo {
  std::string key;
  std::string help;
};
/// Errors: ValueError listing the known names; on options out of range.
std::unique_ptr<Optimizer> make_optimizer(const std::string& name, const OptimizerOptions& options,
                                          std::vector<ParamGroup> groups);
std::vector<OptimInfo> optimizers();
void register_optimizer(const std::string& name, const std::string& help, OptimizerFactory factory);

/// Scales all gradients so that their joint Euclidean norm is at most `max_norm`; returns the norm before. A norm that is
/// not finite is returned and nothing is scaled. The sum runs in double in a fixed order.
double clip_grad_norm(const std::vector<Tensor>& params, double max_norm);

/// shadow = decay * shadow + (1 - decay) * value after each step; evaluation may swap the two.
class ExponentialMovingAverage {
 public:
  ExponentialMovingAverage(std::vector<NamedTensor> params, double decay);
  void update();
  /// Exchanges values and shadows. Call again to swap back.
  void swap();
  std::vector<NamedTensor> state() const;

 private:
  std::vector<NamedTensor> params_, shadows_;
  double decay_;
};

// ---- schedules -----------------------------------------------------------------------------------------------------------

/// Where a run stands: all counts from 0. A schedule is a function of this alone, so resuming needs no state.
struct Position {
  std::int64_t epoch = 0, step = 0;  ///< step within the epoch
  std::int64_t steps_per_epoch = 1, epochs = 1;
};

class Schedule {
 public:
  virtual ~Schedule() = default;
  virtual double lr(const Position& at) const = 0;
  /// For schedules that cycle the momentum too.
  virtual std::optional<double> momentum(const Position& at) const {
    (void)at;
    return std::nullopt;
  }
};

/// `text` is a spec (tern/spec.hpp), or several joined by '+', each but the last with for=EPOCHS, run one after the other;
/// each sees its own part as the whole run. Schedules marked "per" take per=step or per=epoch.
/// Errors: ValueError listing the known names or options.
std::unique_ptr<Schedule> make_schedule(std::string_view text);
using ScheduleFactory = std::function<std::unique_ptr<Schedule>(const Spec&)>;
std::vector<OptimInfo> schedules();
void register_schedule(const std::string& name, const std::string& help, ScheduleFactory factory);

}  // namespace tern
