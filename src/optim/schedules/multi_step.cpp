// lr(t) = lr * factor^(number of milestones <= t), t in epochs (per=step: with their fraction).
#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class MultiStep final : public Schedule {
 public:
  explicit MultiStep(const Spec& spec)
      : lr_(rate(spec, "lr")),
        factor_(factor_of(spec, spec.number("factor", 0.1))),
        milestones_(spec.numbers("at")),
        per_step_(moves_per_step(spec, false)) {
    spec.allow_only({"lr", "at", "factor", "per"});
  }
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

std::unique_ptr<Schedule> make_schedule_multi_step(const Spec& spec) { return std::make_unique<MultiStep>(spec); }

}  // namespace tern
