// Floats with few digits, drawn.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace tern::testing {

/// Thousandths in [-2, 2].
inline std::vector<float> random_values(std::int64_t n, std::mt19937& rng) {
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& f : v) f = static_cast<float>(static_cast<int>(rng() % 4001) - 2000) / 1000.0f;
  return v;
}

}  // namespace tern::testing
