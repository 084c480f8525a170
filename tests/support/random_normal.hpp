// Inputs of networks, drawn.
#pragma once

#include <cstdint>

#include "tern/rng.hpp"
#include "tern/tensor.hpp"

namespace tern::testing {

/// Standard normal, float32.
inline Tensor random_normal(const Shape& shape, std::uint64_t seed) {
  Tensor t = Tensor::empty(shape);
  Rng rng(seed);
  for (float& x : t.span<float>()) x = rng.normal();
  return t;
}

}  // namespace tern::testing
