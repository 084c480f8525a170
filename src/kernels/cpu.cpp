// The one home of CPU detection and of the environment variable TERN_ISA.
#include "tern/cpu.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <string>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "core/names.hpp"
#include "kernels/isa_lists.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

constexpr std::array<Isa, 6> kAll = {Isa::kReference, Isa::kPortable, Isa::kNeon,
                                     Isa::kAvx2,      Isa::kAvx512,   Isa::kAvx512Vpopcnt};
// Planes and lists are words in memory, and the kernels are proved for one order of their bytes. Elsewhere the
// reference runs, which has no words.
constexpr bool kProvedByteOrder = std::endian::native == std::endian::little;
constexpr int kUnset = -1;
std::atomic<int> forced{kUnset};

std::string list_available() { return join(available_isas(), ", ", name_of); }

bool detect(Isa isa) {
  if (isa == Isa::kReference || !kProvedByteOrder) return isa == Isa::kReference;
  constexpr std::array kBuilt = {TERN_BUILT_ISAS};
  if (std::find(kBuilt.begin(), kBuilt.end(), isa) == kBuilt.end()) return false;
  switch (isa) {
    case Isa::kPortable:
      return true;
#if defined(__x86_64__)
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
             __builtin_cpu_supports("popcnt");
    case Isa::kAvx512:
      return detect(Isa::kAvx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case Isa::kAvx512Vpopcnt:
      return detect(Isa::kAvx512) && __builtin_cpu_supports("avx512vpopcntdq") &&
             __builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("avx512vbmi") &&
             __builtin_cpu_supports("avx512vbmi2");
#elif defined(__aarch64__)
    case Isa::kNeon:
      return true;  // part of the base architecture
#endif
    default:
      return false;
  }
}

Isa from_environment_or_best() {
  if (const char* name = std::getenv("TERN_ISA"); name != nullptr && *name != '\0') return isa_from_name(name);
  return available_isas().back();
}

}  // namespace

std::string_view name_of(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return "reference";
    case Isa::kPortable:
      return "portable";
    case Isa::kNeon:
      return "neon";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Vpopcnt:
      break;
  }
  return "avx512vpopcnt";
}

Isa isa_from_name(std::string_view name) {
  for (const Isa isa : kAll) {
    if (name != name_of(isa)) continue;
    if (is_available(isa)) return isa;
    throw ValueError("[isa] this CPU or build has no \"" + std::string(name) + "\"; available: " + list_available());
  }
  throw ValueError("[isa] unknown instruction set \"" + std::string(name) + "\"; available: " + list_available());
}

bool is_available(Isa isa) {
  static const std::array<bool, kAll.size()> found = [] {
    std::array<bool, kAll.size()> f{};
    for (std::size_t i = 0; i < kAll.size(); ++i) f[i] = detect(kAll[i]);
    return f;
  }();
  return found[static_cast<std::size_t>(isa)];
}

std::vector<Isa> available_isas() {
  std::vector<Isa> out;
  for (const Isa isa : kAll) {
    if (is_available(isa)) out.push_back(isa);
  }
  return out;
}

Isa active_isa() {
  const int chosen = forced.load();
  return chosen == kUnset ? from_environment_or_best() : static_cast<Isa>(chosen);
}

void set_active_isa(Isa isa) {
  if (!is_available(isa)) (void)isa_from_name(name_of(isa));  // throws
  forced = static_cast<int>(isa);
}

void reset_active_isa() { forced = kUnset; }

std::string cpu_description() {
  std::string brand;
#if defined(__x86_64__) || defined(__i386__)
  std::array<unsigned, 12> words{};
  unsigned highest = 0, b = 0, c = 0, d = 0;
  __cpuid(0x80000000u, highest, b, c, d);
  if (highest >= 0x80000004u) {
    for (unsigned i = 0; i < 3; ++i) {
      __cpuid(0x80000002u + i, words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]);
    }
    std::array<char, 49> text{};
    std::memcpy(text.data(), words.data(), 48);
    brand = text.data();
  }
#elif defined(__aarch64__)
  brand = "aarch64";
#endif
  while (!brand.empty() && brand.back() == ' ') brand.pop_back();
  if (brand.empty()) brand = "unknown CPU";
  return brand + " (" + list_available() + ")";
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace tern
