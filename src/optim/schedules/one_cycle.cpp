// One cycle over K steps (per=epoch: K epochs), with Kc = floor(0.9 K) and h = floor(Kc / 2):
//   linear lo -> hi on [0, h], hi -> lo on [h, Kc], lo -> lo/100 on [Kc, K].
// The momentum, if asked for, runs the other way: HIGH -> LOW -> HIGH, then HIGH. Paper: Smith, Topin, 2018.
#include <cmath>

#include "optim/schedules/progress.hpp"

namespace tern {
namespace {

class OneCycle final : public Schedule {
 public:
  explicit OneCycle(const Spec& spec)
      : hi_(spec.number("hi")), lo_(spec.number("lo")), per_step_(moves_per_step(spec)) {
    check_range(spec, lo_, hi_);
    if (spec.text("momentum") != "none") momentum_ = spec.numbers("momentum");
  }
  double lr(const Position& at) const override { return value(ticks(at, per_step_), lo_, hi_, lo_ / 100); }
  std::optional<double> momentum(const Position& at) const override {
    if (momentum_.empty()) return std::nullopt;
    return value(ticks(at, per_step_), momentum_[0], momentum_[1], momentum_[0]);
  }

 private:
  // begin -> peak -> begin, then to `end`.
  static double value(const Ticks& t, double begin, double peak, double end) {
    const auto cycle = static_cast<std::int64_t>(std::floor(0.9 * static_cast<double>(t.all)));
    const std::int64_t half = cycle / 2, k = t.done;
    const auto line = [](double a, double b, std::int64_t done, std::int64_t all) {
      return all == 0 ? b : a + (b - a) * static_cast<double>(done) / static_cast<double>(all);
    };
    if (k <= half) return line(begin, peak, k, half);
    if (k <= cycle) return line(peak, begin, k - half, cycle - half);
    return line(begin, end, k - cycle, t.all - cycle);
  }

  double hi_, lo_;
  std::vector<double> momentum_;
  bool per_step_;
};

}  // namespace

ScheduleMethod schedule_one_cycle() {
  return {{{"hi", "", "[0, inf)", "rate at the top"},
           {"lo", "", "[0, inf)", "rate at the beginning; a hundredth of it at the end"},
           {"momentum", "none", "none|[0, 1);[0, 1)", "HIGH;LOW of a momentum that is cycled the other way"},
           per_option("step")},
          make_from<OneCycle>};
}

}  // namespace tern
