// Operations that change one number at a time, as fused steps run them in registers' reach: on tiles of
// [pixels][16 channels] or on a row of one channel's pixels.
#pragma once

#include <span>

#include "infer/ops/value.hpp"

namespace tern::infer {

inline constexpr i64 kTileLanes = 16;

/// y = f(x, a[c], b[c]).
struct Lane {
  std::span<const float> a, b;  ///< [C]; [1]: the same for all; empty: f does not look at it
  /// v: [pixels][kTileLanes]; a, b: [kTileLanes].
  void (*tile)(float* v, i64 pixels, const float* a, const float* b) = nullptr;
  void (*row)(float* v, i64 pixels, float a, float b) = nullptr;
};

/// The value for channel c of Lane's a or b.
inline float of_channel(std::span<const float> values, i64 c) {
  return values.empty() ? 0.0f : values[values.size() == 1 ? 0 : static_cast<std::size_t>(c)];
}

/// f(x, a, b) must not capture anything.
template <class F>
Lane lane(F, std::span<const float> a = {}, std::span<const float> b = {}) {
  return {a, b,
          [](float* v, i64 pixels, const float* a_lanes, const float* b_lanes) {
            for (float* x = v; x < v + pixels * kTileLanes; x += kTileLanes) {
              for (i64 lane = 0; lane < kTileLanes; ++lane) x[lane] = F{}(x[lane], a_lanes[lane], b_lanes[lane]);
            }
          },
          [](float* v, i64 pixels, float a_channel, float b_channel) {
            for (i64 i = 0; i < pixels; ++i) v[i] = F{}(v[i], a_channel, b_channel);
          }};
}

}  // namespace tern::infer
