// What a file of this room gives the registry of a method, and how a class becomes a factory.
#pragma once

#include <memory>
#include <type_traits>

#include "core/registry.hpp"
#include "tern/quant.hpp"

namespace tern::quant {

using WeightMethod = Method<WeightQuantizerFactory>;
using ActMethod = Method<ActQuantizerFactory>;

/// Q of its spec, and of the weights' shape if it asks for it.
template <class Q>
std::unique_ptr<WeightQuantizer> make_weights(const QuantSpec& spec, const Shape& shape) {
  if constexpr (std::is_constructible_v<Q, const QuantSpec&, const Shape&>)
    return std::make_unique<Q>(spec, shape);
  else
    return std::make_unique<Q>(spec);
}
template <class Q>
std::unique_ptr<ActQuantizer> make_acts(const QuantSpec& spec) {
  return std::make_unique<Q>(spec);
}

}  // namespace tern::quant
