// Straight-through estimators: steps whose backward is a declared rule, not a derivative.
#include <cmath>

#include "ops/unary.hpp"
#include "tern/ops.hpp"

namespace tern {

// y = 1{x > 0}; dx = dy 1{|x| <= 1}
Tensor heaviside_ste(const Tensor& x) {
  return ops::unary(
      "heaviside_ste", x, ops::Save::kInput, [](auto v) { return static_cast<decltype(v)>(v > 0 ? 1 : 0); },
      [](auto dy, auto v) { return std::fabs(v) <= 1 ? dy : 0; });
}

// y = +1 if x >= 0 else -1; dx = dy 1{|x| < 1}
Tensor sign_ste(const Tensor& x) {
  return ops::unary(
      "sign_ste", x, ops::Save::kInput, [](auto v) { return static_cast<decltype(v)>(v >= 0 ? 1 : -1); },
      [](auto dy, auto v) { return std::fabs(v) < 1 ? dy : 0; });
}

}  // namespace tern
