// Optimizers and learning-rate schedules.
//
//   auto sgd = make_optimizer("sgd:momentum=0.9", groups);
//   auto schedule = make_schedule("warmup:to=0.1,for=5+cosine:hi=0.1,lo=0");
//   for each step:
//     sgd->zero_grad();
//     backward(loss);
//     sgd->set_momentum(schedule->momentum(position));
//     sgd->step(schedule->lr(position));
//
// Results depend on values alone, never on the number of threads.
// Thread safety: an optimizer belongs to one thread at a time; schedules are constant and may be shared.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tern/position.hpp"
#include "tern/public.h"
#include "tern/registry.hpp"
#include "tern/spec.hpp"
#include "tern/tensor.hpp"

namespace tern {

// ---- optimizers ----

/// Parameters that follow the same rules. Names must be unique over all groups: the optimizer's state is named by them.
struct TERN_PUBLIC ParamGroup {
  std::string name;  ///< for messages
  std::vector<NamedTensor> params;
  double lr_scale = 1;      ///< factor on the learning rate, >= 0
  double weight_decay = 0;  ///< >= 0. sgd, adam: times the weight, added to the gradient; adamw: see there
};

/// Those that tern has. Their options, with ranges and defaults, are tables in sgd.cpp and adam.cpp; `tern list
/// optimizers` shows them.
///   sgd    d = grad + weight_decay * w;  buf = momentum * buf + d;  w -= lr * buf
///          (nesterov: w -= lr * (d + momentum * buf))
///   adam   d = grad + weight_decay * w;  m, v = averages of d, d^2 with beta1, beta2, over their bias 1 - beta^t;
///          w -= lr * m / (sqrt(v) + eps)
///   adamw  the same with d = grad, after w -= lr * weight_decay * w
///
/// A parameter without a gradient is left alone in a step: neither its value nor its state changes.
///
/// A derived class gives make_state() and update() and leaves the rest to this one, masks excepted: update() must
/// honour slot.mask.
class TERN_PUBLIC Optimizer {
 public:
  /// Errors: ValueError if a name or a tensor appears twice, a parameter does not require a gradient or is strided, or
  /// a number of a group is out of range.
  explicit Optimizer(std::vector<ParamGroup> groups);
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// One update of every parameter that has a gradient; `lr` times the group's lr_scale is its learning rate.
  /// Shapes: each gradient as its parameter. Gradient: reads grad(), leaves it as it is, and records nothing.
  /// Errors: ValueError if lr is negative or not finite, or a gradient's dtype differs from its parameter's; ShapeError
  /// if its shape does. All are found before anything is changed.
  void step(double lr);
  /// Leaves every parameter without a gradient.
  void zero_grad();
  /// lr_scale and weight_decay may be changed between steps; the list of parameters may not.
  std::vector<ParamGroup>& groups() { return groups_; }

  /// Restricts updates of a parameter: where `mask` is 0, value and moments stay as they are, bit for bit. Step counts
  /// belong to the whole parameter and go on. The mask is kept as a handle: what is written into it later counts. An
  /// undefined mask lifts the restriction. Masks are not part of state().
  /// Shapes: the mask as the parameter, of its dtype.
  /// Errors: ValueError on an unknown name, another dtype or a strided mask; ShapeError.
  void set_mask(const std::string& param, const Tensor& mask);
  /// Zeroes the moments of one parameter and its step count, as if it had never been updated.
  /// Errors: ValueError on an unknown name.
  void clear_state(const std::string& param);
  /// Everything a checkpoint needs, in a fixed order and under stable names: "<param>.momentum" (sgd), "<param>.m",
  /// "<param>.v" and "<param>.t" (adam, adamw; t counts steps). Copying saved values into these tensors makes the next
  /// steps continue with the same bits.
  /// Shapes: as the parameter, of its dtype; t a scalar, int64.
  std::vector<NamedTensor> state();
  /// sgd: the momentum from the next step on, for schedules that cycle it; nullopt: the one that the options gave.
  /// Others ignore it. Not part of state(), since schedules are functions of the position. Errors: ValueError outside
  /// [0, 1).
  virtual void set_momentum(std::optional<double> momentum) { (void)momentum; }

 protected:
  struct Slot {
    Tensor value;  ///< contiguous
    Tensor mask;   ///< undefined: update all; else contiguous, same shape and dtype as value
    std::string name;
    std::vector<NamedTensor> state;  ///< in the order that make_state() gave
  };
  /// Zeroed tensors that the update of one parameter keeps between steps; names become "<param>.<name>".
  /// Shapes: of your choice; where a mask is to hold them back as well, as the parameter.
  virtual std::vector<NamedTensor> make_state(const Tensor& value) const = 0;
  /// Moves slot.value and slot.state, leaving alone where slot.mask is 0. lr: lr_scale is in it already.
  /// Shapes: grad as slot.value, contiguous, of its dtype. Gradient: grad is that of the loss; nothing is recorded.
  virtual void update(Slot& slot, const Tensor& grad, double lr, double weight_decay) = 0;

 private:
  void prepare();
  Slot& slot(const std::string& param);

  std::vector<ParamGroup> groups_;
  std::vector<std::vector<Slot>> slots_;  // [group][param]; made on first use, when virtual functions can be called
};

using OptimizerFactory = std::function<std::unique_ptr<Optimizer>(const Spec&, std::vector<ParamGroup>)>;
/// An optimizer by name, with options: "sgd", "adam:beta1=0.8,eps=1e-6". The state is allocated here, so that a
/// forecast of memory sees it. Errors: ValueError listing the known names; those of Spec::parse() and
/// Spec::completed(), and of Optimizer's constructor.
TERN_PUBLIC std::unique_ptr<Optimizer> make_optimizer(const Spec& spec, std::vector<ParamGroup> groups);
TERN_PUBLIC std::unique_ptr<Optimizer> make_optimizer(std::string_view spec, std::vector<ParamGroup> groups);
TERN_PUBLIC std::vector<MethodInfo> optimizers();
/// Adds one from outside tern. Its factory gets specs with a legal value for each of `options` and no other; without a
/// table it reads and checks them by itself. Errors: tern/registry.hpp.
TERN_PUBLIC void register_optimizer(const std::string& name, const std::string& help, OptionTable options,
                                    OptimizerFactory factory);
TERN_PUBLIC void register_optimizer(const std::string& name, const std::string& help, OptimizerFactory factory);

/// Scales all gradients so that their joint Euclidean norm is at most `max_norm`; returns the norm before.
///   norm = sqrt(sum over all elements of grad^2);  if norm > max_norm: grad *= max_norm / norm
/// A norm that is not finite is returned and nothing is scaled. The sum runs in double in an order that depends on the
/// sizes only. Parameters without a gradient are skipped.
/// Shapes: any. Gradient: grad() of each parameter is scaled in place.
/// Errors: ValueError if max_norm is not positive.
TERN_PUBLIC double clip_grad_norm(const std::vector<Tensor>& params, double max_norm);

/// Averaged weights, usually better in evaluation than those of the last step.
///   shadow += (1 - decay) * (value - shadow)
/// shadow starts as a copy of the value; an average over a constant is that constant, bit for bit.
/// Shapes: each shadow as its parameter, of its dtype. Gradient: none, values alone are averaged.
class TERN_PUBLIC ExponentialMovingAverage {
 public:
  /// decay in [0, 1), for example 0.999: averages over about 1 / (1 - decay) updates.
  /// Errors: ValueError on decay, and on integer or strided parameters.
  ExponentialMovingAverage(std::vector<NamedTensor> params, double decay);
  /// To be called after each optimizer step, not while swapped in.
  /// Errors: ValueError while swapped in.
  void update();
  /// Exchanges values and shadows, without rounding. Call again to swap back. A network must be told that its
  /// parameters changed (Network::weights_changed).
  void swap();
  bool swapped() const { return swapped_; }
  /// The shadows, as "ema.<param>". While swapped in they hold the values instead: save at other times.
  std::vector<NamedTensor> state() const;

 private:
  std::vector<NamedTensor> params_, shadows_;
  double decay_;
  bool swapped_ = false;
};

// ---- schedules ----

/// A function of the position alone. Past the end of the run it stays at its last value.
/// Errors: ValueError on counts out of range (above 2^31 too), from those that look at them.
class TERN_PUBLIC Schedule {
 public:
  virtual ~Schedule() = default;
  virtual double lr(const Position& at) const = 0;
  /// For schedules that cycle the momentum too; nullopt: the optimizer's own.
  virtual std::optional<double> momentum(const Position& at) const {
    (void)at;
    return std::nullopt;
  }
};

/// A schedule from text:
///
///   schedule = part { "+" part }
///   part     = name [ ":" option { "," option } ]                no white space
///   option   = key "=" value                                     several numbers in a value are joined by ';'
///
///   constant:lr=0.1
///   multi_step:lr=0.1,at=82;123
///   exponential:lr=1e-3,factor=0.9,hold=49
///   cosine:hi=0.1
///   cosine_restarts:hi=0.1,period=10,mult=2
///   one_cycle:hi=0.05,lo=4e-4,momentum=0.95;0.85
///   warmup:to=0.1,for=5+cosine:hi=0.1
///
/// Options: schedules() and docs/training.md have them all. Rules: at the head of each file in src/optim/schedules.
/// Milestones, hold, period and for are in epochs. per=epoch holds the rate over an epoch, per=step moves it at every
/// step, at the fraction of an epoch that is done.
///
/// Parts joined by '+' run one after the other: each but the last has for=EPOCHS, and each sees its own epochs as the
/// whole run, from epoch 0. In a run that is too short the later parts do not come.
///
/// Errors: ValueError listing the known names or options; naming a missing option or one whose value is out of range.
TERN_PUBLIC std::unique_ptr<Schedule> make_schedule(std::string_view text);
using ScheduleFactory = std::function<std::unique_ptr<Schedule>(const Spec&)>;
TERN_PUBLIC std::vector<MethodInfo> schedules();
/// Adds one from outside tern; its factory never sees for=. It gets specs with a legal value for each of `options` and
/// no other; without a table it reads and checks them by itself. Errors: tern/registry.hpp.
TERN_PUBLIC void register_schedule(const std::string& name, const std::string& help, OptionTable options,
                                   ScheduleFactory factory);
TERN_PUBLIC void register_schedule(const std::string& name, const std::string& help, ScheduleFactory factory);

}  // namespace tern
