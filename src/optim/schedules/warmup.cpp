// Linear from `from` to `to` over its K steps; step k has from + (to - from) (k + 1) / K.
#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class Warmup final : public Schedule {
 public:
  explicit Warmup(const Spec& spec) : from_(spec.number("from", 0)), to_(spec.number("to")) { spec.allow_only({"from", "to"}); }
  double lr(const Position& at) const override {
    const auto k = static_cast<double>(at.epoch * at.steps_per_epoch + at.step + 1);
    return from_ + (to_ - from_) * k / static_cast<double>(at.epochs * at.steps_per_epoch);
  }

 private:
  double from_, to_;
};

}  // namespace

std::unique_ptr<Schedule> make_schedule_warmup(const Spec& spec) { return std::make_unique<Warmup>(spec); }

}  // namespace tern
