// The rates of this machine.
#pragma once

#include "infer/plan/rates.hpp"

namespace tern::infer {

/// What built_in_rates() says, measured here and now: about a tenth of a second, once a process and instruction set.
/// Thread safety: any.
const Rates& measure_rates(Isa isa);

}  // namespace tern::infer
