// What the lists of tern tell of a row: layers(), models(), optimizers(), schedules(), freeze_policies().
//
// Names are of a-z, 0-9 and '_' and begin with a letter; data sets have '-' for '_', and either is understood. Every
// register_*() throws a ValueError for another name, one that is taken, and for an empty factory. What it adds is
// behind the rows of tern in lists. Thread safety: rows may be added, listed and made at the same time.
#pragma once

#include <optional>
#include <string>

#include "tern/public.h"
#include "tern/spec.hpp"

namespace tern {

struct TERN_PUBLIC RegistryInfo {
  std::string key;   ///< as users write it
  std::string help;  ///< one line: what it is
};

/// A row that is made from a spec.
struct TERN_PUBLIC MethodInfo : RegistryInfo {
  std::optional<OptionTable> options = {};  ///< absent: the factory reads and checks the spec by itself
  /// What the factory gets. Errors: those of Spec::completed().
  Spec completed(const Spec& spec) const { return options ? spec.completed(*options) : spec; }
};

}  // namespace tern
