// lr(t) = lo + (hi - lo)/2 (1 + cos(pi t / T)), t in epochs (per=step: with their fraction), T the epochs of the run.
// Paper: Loshchilov, Hutter, "SGDR", 2017, equation 5, without restart.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class Cosine final : public Schedule {
 public:
  explicit Cosine(const Spec& spec) : hi_(spec.number("hi")), lo_(spec.number("lo")), per_step_(moves_per_step(spec)) {
    check_range(spec, lo_, hi_);
  }
  double lr(const Position& at) const override {
    const double share = std::min(1.0, epochs_done(at, per_step_) / static_cast<double>(at.epochs));
    return lo_ + (hi_ - lo_) / 2 * (1 + std::cos(std::numbers::pi * share));
  }

 private:
  double hi_, lo_;
  bool per_step_;
};

}  // namespace

ScheduleMethod schedule_cosine() {
  return {{{"hi", "", "[0, inf)", "rate at the beginning"},
           {"lo", "0", "[0, inf)", "rate at the end"},
           per_option("epoch")},
          make_from<Cosine>};
}

}  // namespace tern
