// fp32 convolution, forward and both gradients: the shape of the problem, and the entry that picks the implementation.
//
// Layouts are row-major: x [n][c][h][w], filters [o][c/groups][r][s], y [n][o][p][q]. Results do not depend on the number
// of threads: work is cut by the shape alone, and partial sums are added in a fixed order. Different instruction sets round
// differently.
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

}  // namespace tern::kernels::conv
