// The scope that is open on this thread; parallel_for takes it along to its workers.
#pragma once

#include <functional>

namespace tern {

/// What the innermost Interruptible asks; nullptr: nothing may be given up.
const std::function<bool()>*& asked_for_interrupts();

}  // namespace tern
