// fp32 convolution, forward and both gradients: the shape of the problem, and the entry that picks the implementation.
//
// Layouts are row-major: x [n][c][h][w], filters [o][c/groups][r][s], y [n][o][p][q]. Results do not depend on the
// number of threads: work is cut by the shape alone, and partial sums are added in a fixed order. Different
// instruction sets round differently.
#pragma once

#include <cstdint>

namespace tern::kernels::conv {

/// p and q are the output extents.
struct ConvShape {
  std::int64_t n, c, h, w;
  std::int64_t o, r, s;
  std::int64_t p, q;
  std::int64_t stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
  std::int64_t groups = 1;
};

/// y = conv(x, filters) + bias; bias [o] or null. Overwrites y. Float goes to runs of pixels
/// (depthwise.hpp), transformed tiles (winograd.hpp) or to the register-blocked kernels (implicit.hpp) where they suit
/// the shape, everything else to matrix products (kernels/conv_im2col.hpp).
void forward(const ConvShape& shape, const float* x, const float* filters, const float* bias, float* y);
void forward(const ConvShape& shape, const double* x, const double* filters, const double* bias, double* y);
/// dx = gradient of x. Overwrites dx.
void backward_data(const ConvShape& shape, const float* dy, const float* filters, float* dx);
void backward_data(const ConvShape& shape, const double* dy, const double* filters, double* dx);
/// dfilters = gradient of the filters. Overwrites dfilters.
void backward_filters(const ConvShape& shape, const float* x, const float* dy, float* dfilters);
void backward_filters(const ConvShape& shape, const double* x, const double* dy, double* dfilters);

}  // namespace tern::kernels::conv
