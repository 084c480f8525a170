// Max pooling of bit-sliced codes. A code is ordered by its planes, so the maximum of thermometer planes is their OR
// (and the minimum would be their AND); binary digits are compared from the highest down. 64 positions at a time.
#pragma once

#include "kernels/conv_shape.hpp"
#include "kernels/packed/bitsliced/layout.hpp"

namespace tern::kernels::planes {

/// `in` and `out` have the same codes and channels. Channels begin .. end - 1; disjoint ranges may run at the same
/// time. Pixels outside the image never count, whatever the border holds.
void max_pool(const PoolShape& shape, const bitsliced::SlicedLayout& in, const std::uint8_t* x,
              const bitsliced::SlicedLayout& out, std::uint8_t* y, std::int64_t begin, std::int64_t end);

}  // namespace tern::kernels::planes
