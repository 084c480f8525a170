// lr(e) = lr for e <= hold, then lr * factor^(e - hold). HEQ: lr 1e-3, hold 49, factor 0.9.
#include <cmath>

#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class Exponential final : public Schedule {
 public:
  explicit Exponential(const Spec& spec)
      : lr_(spec.number("lr")), factor_(spec.number("factor")), hold_(spec.number("hold", 0)) {
    spec.allow_only({"lr", "factor", "hold"});
  }
  double lr(const Position& at) const override {
    return lr_ * std::pow(factor_, std::max(0.0, static_cast<double>(at.epoch) - hold_));
  }

 private:
  double lr_, factor_, hold_;
};

}  // namespace

std::unique_ptr<Schedule> make_schedule_exponential(const Spec& spec) { return std::make_unique<Exponential>(spec); }

}  // namespace tern
