// threshold() and threshold_floats() without vector instructions; internal linkage.
#pragma once

#include <cstdint>

namespace {

void threshold(const std::int32_t* acc, std::int64_t pixels, const std::int32_t* thresholds, int levels,
               std::uint8_t* out, const std::int32_t* at, std::int64_t level_step) {
  for (int j = 0; j < levels; ++j) {
    for (std::int64_t i = 0; i < pixels; ++i) {
      unsigned mask = 0;
      for (int lane = 0; lane < 8; ++lane) {
        mask |= static_cast<unsigned>(acc[8 * i + lane] >= thresholds[8 * j + lane]) << lane;
      }
      out[j * level_step + at[i]] = static_cast<std::uint8_t>(mask);
    }
  }
}

void threshold_floats(const float* v, std::int64_t pixels, const float* thresholds, int levels, int bytes,
                      std::uint8_t* out, const std::int32_t* at, std::int64_t level_step) {
  for (int j = 0; j < levels; ++j) {
    for (std::int64_t i = 0; i < pixels; ++i) {
      for (int b = 0; b < bytes; ++b) {
        unsigned mask = 0;
        for (int lane = 0; lane < 8; ++lane) {
          mask |= static_cast<unsigned>(v[16 * i + 8 * b + lane] >= thresholds[j]) << lane;
        }
        out[j * level_step + at[i] + b] = static_cast<std::uint8_t>(mask);
      }
    }
  }
}

}  // namespace
