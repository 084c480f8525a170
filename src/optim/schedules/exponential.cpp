// lr(t) = lr for t <= hold, then lr * factor^(t - hold), t in epochs (per=step: with their fraction).
// HEQ has lr 1e-3 in its first 50 epochs (hold 49) and then factor 0.9: Nguyen, Guicquero, Sicard, 2022, section III-B.
#include <algorithm>
#include <cmath>

#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class Exponential final : public Schedule {
 public:
  explicit Exponential(const Spec& spec)
      : lr_(spec.number("lr")),
        factor_(spec.number("factor")),
        hold_(spec.number("hold")),
        per_step_(moves_per_step(spec)) {}
  double lr(const Position& at) const override {
    return lr_ * std::pow(factor_, std::max(0.0, epochs_done(at, per_step_) - hold_));
  }

 private:
  double lr_, factor_, hold_;
  bool per_step_;
};

}  // namespace

ScheduleMethod schedule_exponential() {
  return {{{"lr", "", "[0, inf)", "rate at the beginning"},
           {"factor", "", "(0, inf)", "on the rate, an epoch"},
           {"hold", "0", "[0, inf)", "epochs before it begins to count"},
           per_option("epoch")},
          make_from<Exponential>};
}

}  // namespace tern
