// Linear from `from` to `to` over its K steps (per=epoch: K epochs); number k, from 0, has from + (to - from) (k + 1) /
// K, so that the first one moves and the last one has `to`.
#include <algorithm>

#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class Warmup final : public Schedule {
 public:
  explicit Warmup(const Spec& spec)
      : from_(spec.number("from")), to_(spec.number("to")), per_step_(moves_per_step(spec)) {}
  double lr(const Position& at) const override {
    const Ticks t = ticks(at, per_step_);
    return from_ + (to_ - from_) * static_cast<double>(std::min(t.done + 1, t.all)) / static_cast<double>(t.all);
  }

 private:
  double from_, to_;
  bool per_step_;
};

}  // namespace

ScheduleMethod schedule_warmup() {
  return {{{"to", "", "[0, inf)", "rate behind its last step"},
           {"from", "0", "[0, inf)", "rate that it begins from"},
           per_option("step")},
          make_from<Warmup>};
}

}  // namespace tern
