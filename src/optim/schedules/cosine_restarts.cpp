// Cosine from hi to lo over a period, then again from hi; each period is `mult` times as long as the one before.
// Paper: Loshchilov, Hutter, "SGDR", 2017, equation 5.
#include <cmath>
#include <numbers>

#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class CosineRestarts final : public Schedule {
 public:
  explicit CosineRestarts(const Spec& spec)
      : hi_(spec.number("hi")), lo_(spec.number("lo", 0)), period_(spec.number("period")), mult_(spec.number("mult", 1)),
        per_step_(moves_per_step(spec, false)) {
    spec.allow_only({"hi", "lo", "period", "mult", "per"});
    if (period_ <= 0 || mult_ < 1) throw ValueError("[cosine_restarts] expected period > 0 and mult >= 1");
  }
  double lr(const Position& at) const override {
    double t = epochs_done(at, per_step_), period = period_;
    while (t >= period) {
      t -= period;
      period *= mult_;
    }
    return lo_ + (hi_ - lo_) / 2 * (1 + std::cos(std::numbers::pi * t / period));
  }

 private:
  double hi_, lo_, period_, mult_;
  bool per_step_;
};

}  // namespace

std::unique_ptr<Schedule> make_schedule_cosine_restarts(const Spec& spec) { return std::make_unique<CosineRestarts>(spec); }

}  // namespace tern
