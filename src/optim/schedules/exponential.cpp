// lr(t) = lr for t <= hold, then lr * factor^(t - hold), t in epochs (per=step: with their fraction).
// HEQ (algorithms, section 8): lr 1e-3, hold 49, factor 0.9.
#include <algorithm>
#include <cmath>

#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class Exponential final : public Schedule {
 public:
  explicit Exponential(const Spec& spec)
      : lr_(rate(spec, "lr")),
        factor_(factor_of(spec, spec.number("factor"))),
        hold_(rate(spec, "hold", 0)),
        per_step_(moves_per_step(spec, false)) {
    spec.allow_only({"lr", "factor", "hold", "per"});
  }
  double lr(const Position& at) const override {
    return lr_ * std::pow(factor_, std::max(0.0, epochs_done(at, per_step_) - hold_));
  }

 private:
  double lr_, factor_, hold_;
  bool per_step_;
};

}  // namespace

std::unique_ptr<Schedule> make_schedule_exponential(const Spec& spec) { return std::make_unique<Exponential>(spec); }

}  // namespace tern
