// Gradient of a learned threshold factor delta, D = delta m. The true derivative lives on the thresholds alone; smoothing
// each step by a box of half-width h D gives
//   d delta = 1/(2 h delta) [ -sum_{w > 0, ||w| - D| <= h D} ap dq + sum_{w < 0, ||w| - D| <= h D} an dq ] * scale
// (m cancels, since dD/d delta / D = 1 / delta).
#pragma once

#include "quant/quant_util.hpp"

namespace tern {

/// The bracket, as a double.
template <class T>
double window_sum(const T* w, const T* dq, std::int64_t n, T threshold, double h, double ap, double an) {
  const double d = static_cast<double>(threshold);
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double x = static_cast<double>(w[i]);
    if (std::abs(std::abs(x) - d) > h * d) continue;
    if (x > 0) sum -= ap * static_cast<double>(dq[i]);
    if (x < 0) sum += an * static_cast<double>(dq[i]);
  }
  return sum;
}

inline constexpr float kLeastDelta = 0.05f, kGreatestDelta = 2.0f;
inline void project_deltas(const Tensor& delta) {
  for (float& d : delta.span<float>()) d = clip(d, kLeastDelta, kGreatestDelta);
}

}  // namespace tern
