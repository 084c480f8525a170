// Every float operation rounds to float at once. Extended registers (x87) round when they are stored, so that packed
// results would differ from trained ones and from other machines'.
#pragma once

#include <cfloat>

static_assert(FLT_EVAL_METHOD == 0,
              "tern needs floats that round after every operation: on 32-bit x86 -msse2 -mfpmath=sse");
