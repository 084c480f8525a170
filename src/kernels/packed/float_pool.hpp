// Max pooling of floats, the fast form of reference::max_pool: windows inside the image go four or sixteen at a time.
// Pixels are compared in the order of memory, hence the same bits (signed zeros, NaN).
#pragma once

#include "kernels/conv_shape.hpp"

namespace tern::kernels {

/// x [height][width] and y [out_height][out_width]: one channel.
void max_pool_plane(const PoolShape& shape, const float* x, float* y);

}  // namespace tern::kernels
