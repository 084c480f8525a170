// What schedules share: reading rates and per=, and how far a run has come.
#pragma once

#include <cstdint>
#include <string>

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

/// Reads per=step|epoch.
inline bool moves_per_step(const Spec& spec, bool fallback) {
  const std::string per = spec.text("per", fallback ? "step" : "epoch");
  if (per != "step" && per != "epoch") {
    throw ValueError("[" + spec.key + "] expected per=step or per=epoch; got \"" + per + "\"");
  }
  return per == "step";
}

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

/// An option that must be >= 0: a rate. Errors: ValueError.
inline double not_negative(const Spec& spec, const char* option, double value) {
  if (value >= 0) return value;
  throw ValueError("[" + spec.key + "] expected " + option + " >= 0; got " + spec.text(option, ""));
}
inline double rate(const Spec& spec, const char* option) { return not_negative(spec, option, spec.number(option)); }
inline double rate(const Spec& spec, const char* option, double fallback) {
  return not_negative(spec, option, spec.number(option, fallback));
}

/// The option "factor". Errors: ValueError if it is not positive.
inline double factor_of(const Spec& spec, double value) {
  if (value > 0) return value;
  throw ValueError("[" + spec.key + "] expected factor > 0; got " + spec.text("factor", ""));
}

/// Errors: ValueError if hi < lo.
inline void check_range(const Spec& spec, double lo, double hi) {
  if (lo > hi) throw ValueError("[" + spec.key + "] expected lo <= hi; got \"" + spec.str() + "\"");
}

}  // namespace tern
