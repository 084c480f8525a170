// fp32 convolution, forward and both gradients, by implicit matrix products on register-blocked kernels (micro.hpp).
//
// Results do not depend on the number of threads: work is cut by the shape alone, and partial sums are added in a fixed
// order. Different instruction sets round differently.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace tern::kernels::conv {

/// x [n][c][h][w], filters [o][c/groups][r][s], y [n][o][p][q]; p and q are the output extents.
struct ConvShape {
  std::int64_t n, c, h, w;
  std::int64_t o, r, s;
  std::int64_t p, q;
  std::int64_t stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
  std::int64_t groups = 1;
};

/// y = conv(x, filters) + bias; bias [o] or null. Overwrites y.
void forward(const ConvShape& shape, const float* x, const float* filters, const float* bias, float* y);
/// dx = gradient of x. Overwrites dx.
void backward_data(const ConvShape& shape, const float* dy, const float* filters, float* dx);
/// dfilters = gradient of the filters. Overwrites dfilters.
void backward_filters(const ConvShape& shape, const float* x, const float* dy, float* dfilters);

/// False where lanes or tiles would mostly idle (depthwise, tiny images) and the im2col path is the better one.
bool worthwhile(const ConvShape& shape);

/// Instruction sets that this build and this CPU have, best first.
std::vector<std::string_view> isas();
/// The one in use. set_isa: errors: ValueError if the CPU or the build lacks it; an empty name means the best.
std::string_view isa();
void set_isa(std::string_view name);

}  // namespace tern::kernels::conv
