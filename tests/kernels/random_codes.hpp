// Numbers and codes in a range, drawn.
#pragma once

#include <cstdint>
#include <vector>

#include "tern/rng.hpp"

namespace tern::testing {

/// One of lo, lo + 1, ..., hi.
inline std::int64_t pick(Rng& rng, std::int64_t lo, std::int64_t hi) {
  return lo + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(hi - lo + 1)));
}

inline std::vector<std::int8_t> random_codes(Rng& rng, std::int64_t n, int lo, int hi) {
  std::vector<std::int8_t> codes(static_cast<std::size_t>(n));
  for (auto& c : codes) c = static_cast<std::int8_t>(pick(rng, lo, hi));
  return codes;
}

}  // namespace tern::testing
