// The gradient that TTQ and TAS share: ternary codes with a learned scale on each side.
//   dpos = sum over {code > 0} of dq,   dneg = - sum over {code < 0} of dq        (the level is -neg, hence the minus)
//   dw = pos dq (code > 0),  dq (code = 0),  neg dq (code < 0)
#pragma once

#include "quant/quant_util.hpp"

namespace tern::quant {

struct TwoScaleGradients {
  Tensor dw;
  std::vector<double> dpos, dneg;  ///< one a group
};

template <class T>
TwoScaleGradients two_scale_gradients(const Levels<T>& l, const Tensor& dq, const Shape& shape) {
  const auto groups = static_cast<std::size_t>(l.groups.count);
  TwoScaleGradients out{Tensor::empty(shape, DTypeOf<T>::value), std::vector<double>(groups),
                        std::vector<double>(groups)};
  const Tensor dense = dq.contiguous();
  const std::int64_t n = l.groups.size;
  for_groups(l.groups, [&](std::int64_t k) {
    const std::int8_t* code = l.group(k);
    const T* g = dense.data<T>() + k * n;
    T* to = out.dw.template data<T>() + k * n;
    out.dpos[static_cast<std::size_t>(k)] = sum_of(n, [=](std::int64_t i) { return only(code[i] > 0, g[i]); });
    out.dneg[static_cast<std::size_t>(k)] = -sum_of(n, [=](std::int64_t i) { return only(code[i] < 0, g[i]); });
    const T pos = l.scale_pos(k), neg = l.scale_neg(k);
    for (std::int64_t i = 0; i < n; ++i)
      to[i] = g[i] * (only(code[i] > 0, pos) + only(code[i] < 0, neg) + only(code[i] == 0, T(1)));
  });
  return out;
}

/// Mean of |w| over the elements with that sign beyond the threshold, E|w| if there are none; at least 1e-4.
template <class T>
float side_scale(const T* w, std::int64_t n, T threshold, T sign) {
  const double sum = sum_of(n, [=](std::int64_t i) { return sign * w[i] > threshold ? sign * w[i] : T(0); });
  const double count = sum_of(n, [=](std::int64_t i) { return sign * w[i] > threshold ? 1.0 : 0.0; });
  return std::clamp(narrow<float>(count > 0 ? sum / count : mean_abs(w, n)), 1e-4f, kLargestScale);
}

}  // namespace tern::quant
