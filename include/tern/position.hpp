// Where a training run stands.
#pragma once

#include <cstdint>

#include "tern/public.h"

namespace tern {

/// Counts from 0. What follows from this alone needs no state when a run is resumed.
struct TERN_PUBLIC Position {
  std::int64_t epoch = 0;            ///< >= 0
  std::int64_t step = 0;             ///< within the epoch, >= 0
  std::int64_t steps_per_epoch = 1;  ///< >= 1, the last partial batch counted
  std::int64_t epochs = 1;           ///< of the whole run, >= 1, as far as is known: freezing may end it sooner
};

}  // namespace tern
