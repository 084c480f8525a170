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
      : hi_(spec.number("hi")),
        lo_(spec.number("lo")),
        period_(spec.number("period")),
        mult_(spec.number("mult")),
        per_step_(moves_per_step(spec)) {
    check_range(spec, lo_, hi_);
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

ScheduleMethod schedule_cosine_restarts() {
  return {{{"hi", "", "[0, inf)", "rate at the beginning of each period"},
           {"lo", "0", "[0, inf)", "rate at its end"},
           // Shorter ones are no use, and would make the loop above long.
           {"period", "", "[1, inf)", "epochs of the first period"},
           {"mult", "1", "[1, inf)", "how many times as long each further one is"},
           per_option("epoch")},
          make_from<CosineRestarts>};
}

}  // namespace tern
