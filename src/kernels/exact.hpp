// The float expressions that training-side evaluation and the packed runtime share. Each is evaluated in single
// precision, rounding after every operation, exactly as written (the build forbids contraction to FMA), so that both
// sides get the same bits. Whoever needs one of these calls it from here and writes no twin.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "kernels/single_rounding.hpp"

namespace tern::exact {

/// Input image to network input.
inline float normalize(std::uint8_t pixel, float mean, float std) {
  return (static_cast<float>(pixel) / 255.0f - mean) / std;
}

/// Real value of a code.
inline float dequantize(std::int32_t code, float step) { return step * static_cast<float>(code); }

/// Batch norm with running statistics: y = k1 * x + k0.
struct Affine {
  float k1, k0;
};
inline Affine batch_norm(float gamma, float beta, float mean, float var, float eps) {
  const float inv = 1.0f / std::sqrt(var + eps);
  const float k1 = gamma * inv;
  return {k1, beta - k1 * mean};
}
inline float affine(float x, float k1, float k0) { return k1 * x + k0; }

/// Sums of products of codes to real values. One scale: scaled(scale_step(s, step), acc).
/// Two scales, acc_pos over the positive weight codes and acc_neg over the magnitudes of the negative ones:
/// scaled(scale_step(s_pos, step), acc_pos) - scaled(scale_step(s_neg, step), acc_neg). A bias is added after.
inline float scale_step(float scale, float step) { return scale * step; }
inline float scaled(float scale_step, std::int32_t acc) { return scale_step * static_cast<float>(acc); }

inline float relu(float x) { return x > 0.0f ? x : 0.0f; }
inline float prelu(float x, float slope) { return x > 0.0f ? x : slope * x; }
inline float hardtanh(float x) { return x < -1.0f ? -1.0f : (x > 1.0f ? 1.0f : x); }

/// Thresholds ascending; NaN reaches none.
inline std::int32_t quantize(float x, std::span<const float> thresholds, std::int32_t lo) {
  std::int32_t code = lo;
  for (const float t : thresholds) code += x >= t ? 1 : 0;
  return code;
}
inline std::int32_t quantize(std::int32_t acc, std::span<const std::int32_t> thresholds, bool flip, std::int32_t lo) {
  std::int32_t code = lo;
  for (const std::int32_t t : thresholds) {
    // The extremes that can never be reached stand for "never", also when acc itself is extreme.
    code += flip ? (acc <= t && t != INT32_MIN) : (acc >= t && t != INT32_MAX);
  }
  return code;
}

/// Averages: `sum` is the float sum from 0 in row-major order; for codes the exact integer sum.
inline float average(float sum, std::int64_t count) { return sum / static_cast<float>(count); }
inline float average_codes(std::int64_t sum, float step, std::int64_t count) {
  return (step * static_cast<float>(sum)) / static_cast<float>(count);
}

/// Multiply-accumulate step of the ordered sum: acc starts at +0 and takes k = (c, r, s) in ascending row-major order.
/// Taps outside the image contribute nothing (which a product with +0 does not change either, for finite weights).
inline float mul_add(float acc, float x, float w) { return acc + x * w; }

}  // namespace tern::exact
