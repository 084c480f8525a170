// Predicting time: a step says what work it has, rates say how long a unit of each kind takes. The planner compares
// kernels and conversions by it, `tern plan` prints it next to what it measures. No result depends on it.
#pragma once

#include <array>

#include "infer/steps/work.hpp"
#include "tern/cpu.hpp"

namespace tern::infer {

struct Rates {
  std::array<double, kWorkKinds> ns{};
  double& operator[](WorkKind k) { return ns[static_cast<std::size_t>(k)]; }
  double operator[](WorkKind k) const { return ns[static_cast<std::size_t>(k)]; }
  double seconds(const WorkList& work) const;
};

/// The table of work.def. kReference has the portable column.
Rates built_in_rates(Isa isa);

}  // namespace tern::infer
