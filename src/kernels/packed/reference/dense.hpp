// The definition of correct: plain loops over dense arrays, one image at a time, single-threaded. Every fast kernel is
// tested against these.
#pragma once

#include <cstdint>

#include "kernels/conv_shape.hpp"

namespace tern::kernels::reference {

/// acc[o][p][q] = sum over (c, r, s) of w[o][c][r][s] * x[c'][p*stride - pad + r*dilation][..], exact in 32 bits by the
/// caller's check; taps outside the image count 0. `shape.batch` is not looked at.
void conv_codes(const ConvShape& shape, const std::int8_t* x, const std::int8_t* w, std::int32_t* acc);
/// The same with float sums in the order that kernels/packed/ordered.hpp defines.
void conv_floats(const ConvShape& shape, const float* x, const float* w, float* y);

/// The maximum of each window; padding never wins. Every window must hold at least one pixel.
void max_pool(const PoolShape& shape, const std::int8_t* x, std::int8_t* y);
void max_pool(const PoolShape& shape, const float* x, float* y);
/// exact.hpp: average(sum, count), average_codes(sum, step, count).
void avg_pool(const PoolShape& shape, const std::int8_t* x, float step, float* y);
void avg_pool(const PoolShape& shape, const float* x, float* y);

}  // namespace tern::kernels::reference
