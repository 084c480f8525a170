// fp32 convolution, forward and both gradients: the entry that picks the implementation.
//
// Layouts are row-major: x [n][c][h][w], filters [o][c/groups][r][s], y [n][o][p][q]. Results do not depend on the
// number of threads: work is cut by the shape alone, and partial sums are added in a fixed order. Different
// instruction sets round differently.
#pragma once

#include "kernels/conv_shape.hpp"

namespace tern::kernels::conv {

/// y = conv(x, filters) + bias; bias [o] or null. Overwrites y. Float goes to runs of pixels
/// (depthwise.hpp), transformed tiles (winograd.hpp) or to the register-blocked kernels (implicit.hpp) where they suit
/// the shape, everything else to matrix products (kernels/float/conv_im2col.hpp).
void forward(const ConvShape& shape, const float* x, const float* filters, const float* bias, float* y);
void forward(const ConvShape& shape, const double* x, const double* filters, const double* bias, double* y);
/// dx = gradient of x. Overwrites dx.
void backward_data(const ConvShape& shape, const float* dy, const float* filters, float* dx);
void backward_data(const ConvShape& shape, const double* dy, const double* filters, double* dx);
/// dfilters = gradient of the filters. Overwrites dfilters.
void backward_filters(const ConvShape& shape, const float* x, const float* dy, float* dfilters);
void backward_filters(const ConvShape& shape, const double* x, const double* dy, double* dfilters);

}  // namespace tern::kernels::conv
