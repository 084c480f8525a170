// Linear from `from` to `to` over its K steps (per=epoch: K epochs); number k, from 0, has from + (to - from) (k + 1) /
// K, so that the first one moves and the last one has `to`.
#include <algorithm>

#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class Warmup final : public Schedule {
 public:
  explicit Warmup(const Spec& spec)
      : from_(rate(spec, "from", 0)), to_(rate(spec, "to")), per_step_(moves_per_step(spec, true)) {
    spec.allow_only({"from", "to", "per"});
  }
  double lr(const Position& at) const override {
    const Ticks t = ticks(at, per_step_);
    return from_ + (to_ - from_) * static_cast<double>(std::min(t.done + 1, t.all)) / static_cast<double>(t.all);
  }

 private:
  double from_, to_;
  bool per_step_;
};

}  // namespace

std::unique_ptr<Schedule> make_schedule_warmup(const Spec& spec) { return std::make_unique<Warmup>(spec); }

}  // namespace tern
