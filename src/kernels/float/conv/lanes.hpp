// Lanes: how the output channels of a product are cut into blocks of one or two vectors, and tiles into equal parts.
#pragma once

#include <algorithm>

#include "kernels/float/conv/micro.hpp"

namespace tern::kernels::conv {

/// Wide blocks, and a narrow one at the end where that is enough.
struct Lanes {
  i64 channels;
  i64 width;

  i64 blocks() const { return (channels + 2 * width - 1) / (2 * width); }
  i64 first(i64 block) const { return block * 2 * width; }
  i64 valid(i64 block) const { return std::min(channels - first(block), 2 * width); }
  bool wide(i64 block) const { return valid(block) > width; }
  i64 lanes(i64 block) const { return wide(block) ? 2 * width : width; }
  i64 padded() const { return first(blocks() - 1) + lanes(blocks() - 1); }
};

/// Part i of `parts` nearly equal parts of n.
inline i64 part_begin(i64 n, i64 parts, i64 i) { return n / parts * i + std::min(i, n % parts); }
inline i64 ceil_div(i64 a, i64 b) { return (a + b - 1) / b; }

}  // namespace tern::kernels::conv
