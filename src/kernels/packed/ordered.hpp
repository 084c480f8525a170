// Float convolution and matrix product whose sums run in a defined order, so that every CPU gets the same bits:
//
//   y[n][o][p][q] = fl(sum over (c, r, s) ascending of fl(w[o][c][r][s] * x[n][g*C/groups + c][..][..])) [+ bias[o]]
//
// one accumulator from +0, product and sum rounded separately; taps outside the image contribute nothing. Vectorised
// over outputs, never over the sum. Weights must be finite. Runs on parallel_for.
#pragma once

#include <cstdint>

#include "kernels/conv_shape.hpp"

namespace tern::kernels {

/// y: [batch][outputs][out_height][out_width]; bias: [outputs] or null. The caller has checked that shapes fit.
void ordered_conv2d(const ConvShape& shape, const float* x, const float* w, const float* bias, float* y);
/// y[n][o] = sum over k ascending of x[n][k] * w[o][k], + bias[o]. x: [batch][in], w: [out][in], y: [batch][out].
void ordered_linear(std::int64_t batch, std::int64_t in, std::int64_t out, const float* x, const float* w,
                    const float* bias, float* y);

/// Row-major sum from +0, as the average pools need it.
float ordered_sum(const float* x, std::int64_t n);

}  // namespace tern::kernels
