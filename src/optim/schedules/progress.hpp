// Progress of a run for schedules that move per step or per epoch.
#pragma once

#include <string>

#include "tern/error.hpp"
#include "tern/optim.hpp"

namespace tern {

/// Reads per=step|epoch.
inline bool moves_per_step(const Spec& spec, bool fallback) {
  const std::string per = spec.text("per", fallback ? "step" : "epoch");
  if (per != "step" && per != "epoch") throw ValueError("[" + spec.key + "] expected per=step or per=epoch; got \"" + per + "\"");
  return per == "step";
}

/// Epochs done, with the fraction of the current one if `per_step`.
inline double epochs_done(const Position& at, bool per_step) {
  return static_cast<double>(at.epoch) +
         (per_step ? static_cast<double>(at.step) / static_cast<double>(at.steps_per_epoch) : 0.0);
}

}  // namespace tern
