// What padding with a code other than 0 means: the border is written around the image, and nothing is left to pad.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/conv_shape.hpp"

namespace tern::testing {

/// Codes [C][H][W] with d.pad_h and d.pad_w pixels of `code` around; d becomes the shape on that image.
inline std::vector<std::int8_t> with_border(kernels::ConvShape& d, const std::vector<std::int8_t>& x, int code) {
  const std::int64_t rows = d.height + 2 * d.pad_h, cols = d.width + 2 * d.pad_w;
  std::vector<std::int8_t> out(static_cast<std::size_t>(d.channels * rows * cols), static_cast<std::int8_t>(code));
  for (std::int64_t i = 0; i < d.channels * d.height; ++i) {
    const std::int64_t row = i / d.height * rows + i % d.height + d.pad_h;
    std::copy_n(x.begin() + i * d.width, d.width, out.begin() + row * cols + d.pad_w);
  }
  d.height = rows;
  d.width = cols;
  d.pad_h = d.pad_w = 0;
  return out;
}

}  // namespace tern::testing
