// Which instruction set the integer kernels use. Chosen once from what the CPU has; an environment variable or a
// program can force another. A forced name that this CPU lacks is an error, never a wrong answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tern/public.h"

namespace tern {

/// In ascending order of preference within an architecture.
enum class Isa {
  kReference,      ///< plain loops over dense integers: the definition of correct
  kPortable,       ///< 64-bit words, any CPU
  kNeon,           ///< aarch64
  kAvx2,           ///< x86-64 with AVX2, FMA3, BMI, POPCNT
  kAvx512,         ///< AVX-512 F, BW, DQ, VL
  kAvx512Vpopcnt,  ///< the same and VPOPCNTDQ, BITALG, VBMI, VBMI2 (Ice Lake, Zen 4 and later)
};

/// "reference", "portable", "neon", "avx2", "avx512", "avx512vpopcnt".
TERN_PUBLIC std::string_view name_of(Isa isa);
/// Errors: ValueError listing the available names if `name` is unknown or this CPU lacks it.
TERN_PUBLIC Isa isa_from_name(std::string_view name);
/// Those that this build and this CPU have, ascending. Big-endian machines have the reference alone.
TERN_PUBLIC std::vector<Isa> available_isas();
TERN_PUBLIC bool is_available(Isa isa);

/// The instruction set in use: the one given to set_active_isa(); else the one that the environment variable TERN_ISA
/// names; else the best available. Errors: ValueError as isa_from_name() if TERN_ISA is wrong.
TERN_PUBLIC Isa active_isa();
/// Forces `isa` for everything that is planned from now on (sessions keep what they were loaded with).
/// Errors: ValueError if the CPU lacks it. Thread safety: atomic.
TERN_PUBLIC void set_active_isa(Isa isa);
/// Back to TERN_ISA or the best.
TERN_PUBLIC void reset_active_isa();

/// Brand string of the CPU and the features that matter here, in one line, for `tern info`.
TERN_PUBLIC std::string cpu_description();

/// The value of an environment variable, "" if it is not set. The library's only reading of the environment besides
/// TERN_ISA.
TERN_PUBLIC std::string environment(const char* name);

}  // namespace tern
