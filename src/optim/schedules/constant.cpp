// lr(t) = lr
#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class Constant final : public Schedule {
 public:
  explicit Constant(const Spec& spec) : lr_(rate(spec, "lr")) { spec.allow_only({"lr"}); }
  double lr(const Position&) const override { return lr_; }

 private:
  double lr_;
};

}  // namespace

std::unique_ptr<Schedule> make_schedule_constant(const Spec& spec) { return std::make_unique<Constant>(spec); }

}  // namespace tern
