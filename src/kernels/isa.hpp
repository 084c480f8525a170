// One way to write kernels for several instruction sets, and one chooser. A family has a body.cpp, which meson.build
// compiles once for each set that the family gains from, with that set's flags and
//   TERN_BODY          its name among the enumerators of Isa, TERN_BODY_NAME the one for people
//   TERN_OPS           "ops_<name>.hpp", for families that keep a file of vector operations a set
//   TERN_VECTOR_BYTES  of its vectors
// A body exports T::body<isa>() and nothing else. It uses no inline function of the standard library either: the linker
// would merge code that is built for different sets.
#pragma once

#include "kernels/isa_lists.hpp"  // written by meson.build: TERN_ISAS_<FAMILY>, the sets that have a body, ascending;
                                  // TERN_BUILT_ISAS, all of this build
#include "kernels/single_rounding.hpp"
#include "tern/cpu.hpp"

namespace tern::kernels {

/// The kernels T of `isa`, or else of the best set below that has a body among `isas`; for the reference the first.
/// T declares  template <Isa isa> static const T& body();
template <class T, Isa... isas>
const T& choose(Isa isa) {
  const T* best = nullptr;
  ((best = best == nullptr || isas <= isa ? &T::template body<isas>() : best), ...);
  return *best;
}

}  // namespace tern::kernels
