// Elementwise operations of one argument; each row below is y = f(x) and dx = dy * f'(x), written from what backward
// keeps.
#include <cmath>

#include "ops/unary.hpp"
#include "tern/ops.hpp"

namespace tern {

using ops::Save;
using ops::unary;

Tensor neg(const Tensor& x) {
  return unary(
      "neg", x, Save::kNothing, [](auto v) { return -v; }, [](auto dy, auto) { return -dy; });
}

Tensor scale(const Tensor& x, double factor) {
  return unary(
      "scale", x, Save::kNothing, [factor](auto v) { return v * static_cast<decltype(v)>(factor); },
      [factor](auto dy, auto) { return dy * static_cast<decltype(dy)>(factor); });
}

Tensor add_scalar(const Tensor& x, double c) {
  return unary(
      "add_scalar", x, Save::kNothing, [c](auto v) { return v + static_cast<decltype(v)>(c); },
      [](auto dy, auto) { return dy; });
}

Tensor exp(const Tensor& x) {
  return unary(
      "exp", x, Save::kOutput, [](auto v) { return std::exp(v); }, [](auto dy, auto y) { return dy * y; });
}

Tensor log(const Tensor& x) {
  return unary(
      "log", x, Save::kInput, [](auto v) { return std::log(v); }, [](auto dy, auto v) { return dy / v; });
}

Tensor sqrt(const Tensor& x) {
  return unary(
      "sqrt", x, Save::kOutput, [](auto v) { return std::sqrt(v); }, [](auto dy, auto y) { return dy / (y + y); });
}

Tensor abs(const Tensor& x) {
  return unary(
      "abs", x, Save::kInput, [](auto v) { return std::fabs(v); },
      [](auto dy, auto v) { return v > 0   ? dy
                                   : v < 0 ? -dy
                                           : decltype(dy)(0); });
}

// Written so that NaN passes through instead of turning into 0. Keeps its output, which the next layer keeps anyway.
Tensor relu(const Tensor& x) {
  return unary(
      "relu", x, Save::kOutput, [](auto v) { return v <= 0 ? decltype(v)(0) : v; },
      [](auto dy, auto y) { return y > 0 ? dy : decltype(dy)(0); });
}

Tensor hardtanh(const Tensor& x) {
  return unary(
      "hardtanh", x, Save::kInput,
      [](auto v) {
        const auto low = v < -1 ? decltype(v)(-1) : v;
        return low > 1 ? decltype(v)(1) : low;
      },
      [](auto dy, auto v) { return std::fabs(v) <= 1 ? dy : decltype(dy)(0); });
}

Tensor tanh(const Tensor& x) {
  return unary(
      "tanh", x, Save::kOutput, [](auto v) { return std::tanh(v); }, [](auto dy, auto y) { return dy * (1 - y * y); });
}

Tensor sigmoid(const Tensor& x) {
  return unary(
      "sigmoid", x, Save::kOutput, [](auto v) { return 1 / (1 + std::exp(-v)); },
      [](auto dy, auto y) { return dy * y * (1 - y); });
}

}  // namespace tern
