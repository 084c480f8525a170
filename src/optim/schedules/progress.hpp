// What schedules share: how far a run has come, the option per=, and what their files give the registry.
#pragma once

#include <cstdint>
#include <string>

#include "core/registry.hpp"
#include "tern/error.hpp"
#include "tern/optim.hpp"

namespace tern {

/// Errors: ValueError on counts out of range.
inline void check_position(const Position& at) {
  constexpr std::int64_t most = std::int64_t{1} << 31;  // so that epochs * steps_per_epoch does not overflow
  const auto within = [](std::int64_t n, std::int64_t low) { return n >= low && n <= most; };
  if (within(at.epoch, 0) && within(at.step, 0) && within(at.steps_per_epoch, 1) && within(at.epochs, 1)) return;
  throw ValueError("[schedule] expected epoch and step >= 0, steps_per_epoch and epochs >= 1, all <= 2^31; got epoch " +
                   std::to_string(at.epoch) + ", step " + std::to_string(at.step) + ", steps_per_epoch " +
                   std::to_string(at.steps_per_epoch) + ", epochs " + std::to_string(at.epochs));
}

/// The option of most schedules that says when the rate moves.
inline SpecOption per_option(const char* fallback) {
  return {"per", fallback, "epoch|step", "hold the rate over an epoch, or move it at every step"};
}
inline bool moves_per_step(const Spec& spec) { return spec.text("per") == "step"; }

/// Epochs done, with the fraction of the current one if `per_step`.
inline double epochs_done(const Position& at, bool per_step) {
  check_position(at);
  return static_cast<double>(at.epoch) +
         (per_step ? static_cast<double>(at.step) / static_cast<double>(at.steps_per_epoch) : 0.0);
}

/// Steps (or epochs, if not `per_step`) done and in the whole run; done <= all.
struct Ticks {
  std::int64_t done, all;
};
inline Ticks ticks(const Position& at, bool per_step) {
  check_position(at);
  const std::int64_t each = per_step ? at.steps_per_epoch : 1;
  const std::int64_t done = at.epoch * each + (per_step ? at.step : 0), all = at.epochs * each;
  return {done < all ? done : all, all};
}

/// What a file of schedules gives the registry of one.
using ScheduleMethod = Method<ScheduleFactory>;
template <class S>
std::unique_ptr<Schedule> make_from(const Spec& spec) {
  return std::make_unique<S>(spec);
}

/// Errors: ValueError if hi < lo.
inline void check_range(const Spec& spec, double lo, double hi) {
  if (lo > hi) throw ValueError("[" + spec.key + "] expected lo <= hi; got \"" + spec.str() + "\"");
}

}  // namespace tern
