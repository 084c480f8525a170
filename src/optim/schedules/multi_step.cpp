// lr(t) = lr * factor^(number of milestones <= t), t in epochs (per=step: with their fraction).
#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class MultiStep final : public Schedule {
 public:
  explicit MultiStep(const Spec& spec)
      : lr_(spec.number("lr")),
        factor_(spec.number("factor")),
        milestones_(spec.numbers("at")),
        per_step_(moves_per_step(spec)) {}
  double lr(const Position& at) const override {
    const double t = epochs_done(at, per_step_);
    double lr = lr_;
    for (const double milestone : milestones_) lr *= milestone <= t ? factor_ : 1.0;
    return lr;
  }

 private:
  double lr_, factor_;
  std::vector<double> milestones_;
  bool per_step_;
};

}  // namespace

ScheduleMethod schedule_multi_step() {
  return {{{"lr", "", "[0, inf)", "rate at the beginning"},
           {"at", "", "[0, inf);...", "milestones, epochs joined by ';'"},
           {"factor", "0.1", "(0, inf)", "on the rate at each milestone"},
           per_option("epoch")},
          make_from<MultiStep>};
}

}  // namespace tern
