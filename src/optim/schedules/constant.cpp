// lr(t) = lr
#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class Constant final : public Schedule {
 public:
  explicit Constant(const Spec& spec) : lr_(spec.number("lr")) {}
  double lr(const Position&) const override { return lr_; }

 private:
  double lr_;
};

}  // namespace

ScheduleMethod schedule_constant() { return {{{"lr", "", "[0, inf)", "the rate"}}, make_from<Constant>}; }

}  // namespace tern
