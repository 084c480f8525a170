// Where the results of steps lie in the arena: first fit over lifetimes, the largest first.
#pragma once

#include "export/c/program.hpp"

namespace tern::c99 {

/// Sets Step::offset and Program::arena_bytes.
void place(Program& program);

}  // namespace tern::c99
