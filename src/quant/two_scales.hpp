// Ternary weights with a scale for each side, q = +ap above D, -an below -D, 0 between: the common core of TTQ and TAS.
//   dap = sum over w > D of dq,  dan = -sum over w < -D of dq   (the level is -an, hence the minus)
//   dw = ap dq (w > D),  dq (|w| <= D),  an dq (w < -D)
#pragma once

#include "quant/quant_util.hpp"

namespace tern::two_scales {

template <class T>
void forward(const T* w, std::int64_t n, T threshold, T ap, T an, T* q) {
  for (std::int64_t i = 0; i < n; ++i) q[i] = w[i] > threshold ? ap : (w[i] < -threshold ? -an : T(0));
}

template <class T>
void backward(const T* w, const T* dq, std::int64_t n, T threshold, T ap, T an, T* dw, double& dap, double& dan) {
  dap = dan = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (w[i] > threshold) {
      dap += static_cast<double>(dq[i]);
      dw[i] = ap * dq[i];
    } else if (w[i] < -threshold) {
      dan -= static_cast<double>(dq[i]);
      dw[i] = an * dq[i];
    } else {
      dw[i] = dq[i];
    }
  }
}

/// Mean of |w| over the survivors of each side; E|w| where a side has none.
inline void init_scales(const float* w, std::int64_t n, float threshold, float& ap, float& an) {
  double sum[2] = {0, 0};
  std::int64_t count[2] = {0, 0};
  for (std::int64_t i = 0; i < n; ++i) {
    const float t = ternary_sign(w[i], threshold);
    if (t == 0) continue;
    const int side = t > 0 ? 0 : 1;
    sum[side] += std::abs(static_cast<double>(w[i]));
    ++count[side];
  }
  const float fallback = mean_abs(w, n);
  ap = count[0] ? static_cast<float>(sum[0] / static_cast<double>(count[0])) : fallback;
  an = count[1] ? static_cast<float>(sum[1] / static_cast<double>(count[1])) : fallback;
}

inline constexpr float kLeastScale = 1e-4f;
inline void project_scales(const Tensor& scales) {
  for (float& s : scales.span<float>()) s = std::max(s, kLeastScale);
}

}  // namespace tern::two_scales
