// lr(e) = lr * factor^(number of milestones <= e)
#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class MultiStep final : public Schedule {
 public:
  explicit MultiStep(const Spec& spec)
      : lr_(spec.number("lr")), factor_(spec.number("factor", 0.1)), at_(spec.numbers("at")) {
    spec.allow_only({"lr", "at", "factor"});
  }
  double lr(const Position& at) const override {
    double lr = lr_;
    for (const double milestone : at_) lr *= static_cast<double>(at.epoch) >= milestone ? factor_ : 1.0;
    return lr;
  }

 private:
  double lr_, factor_;
  std::vector<double> at_;
};

}  // namespace

std::unique_ptr<Schedule> make_schedule_multi_step(const Spec& spec) { return std::make_unique<MultiStep>(spec); }

}  // namespace tern
