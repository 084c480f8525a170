// Cosine from hi to lo over `period` epochs, then again from hi; each period is `mult` times as long as the one before:
//   lr(t) = lo + (hi - lo)/2 (1 + cos(pi s / T_i)), s = epochs since the last restart, T_0 = period, T_{i+1} = mult
//   T_i.
// Paper: Loshchilov, Hutter, "SGDR", 2017, equation 5. Does not stop at the end of the run.
#include <cmath>
#include <numbers>

#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class CosineRestarts final : public Schedule {
 public:
  explicit CosineRestarts(const Spec& spec)
      : hi_(rate(spec, "hi")),
        lo_(rate(spec, "lo", 0)),
        period_(spec.number("period")),
        mult_(spec.number("mult", 1)),
        per_step_(moves_per_step(spec, false)) {
    spec.allow_only({"hi", "lo", "period", "mult", "per"});
    check_range(spec, lo_, hi_);
    // Shorter periods are no use, and would make the loop below long.
    if (period_ < 1 || mult_ < 1) {
      throw ValueError("[cosine_restarts] expected period >= 1 (epochs) and mult >= 1; got \"" + spec.str() + "\"");
    }
  }
  double lr(const Position& at) const override {
    double since = epochs_done(at, per_step_), period = period_;
    if (mult_ == 1) since = std::fmod(since, period);
    while (since >= period) {
      since -= period;
      period *= mult_;
    }
    return lo_ + (hi_ - lo_) / 2 * (1 + std::cos(std::numbers::pi * since / period));
  }

 private:
  double hi_, lo_, period_, mult_;
  bool per_step_;
};

}  // namespace

std::unique_ptr<Schedule> make_schedule_cosine_restarts(const Spec& spec) {
  return std::make_unique<CosineRestarts>(spec);
}

}  // namespace tern
