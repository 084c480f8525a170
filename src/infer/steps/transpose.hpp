// Turning tiles: channels after channels in memory, pixels after pixels in a tile.
#pragma once

#include <cstdint>
#include <cstring>

namespace tern::infer {

/// y[j][i] = x[i][j] for i < rows and j < cols; strides are floats from row to row.
inline void transpose(const float* x, std::int64_t x_stride, std::int64_t rows, std::int64_t cols, float* y,
                      std::int64_t y_stride) {
  typedef float Four __attribute__((vector_size(16)));
  const auto single = [&](std::int64_t i, std::int64_t j) { y[j * y_stride + i] = x[i * x_stride + j]; };
  const auto put = [](Four value, float* to) { std::memcpy(to, &value, sizeof value); };
  std::int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const float* from = x + i * x_stride;
    float* to = y + i;
    std::int64_t j = 0;
    for (; j + 4 <= cols; j += 4) {
      Four a, b, c, d;
      std::memcpy(&a, from + j, sizeof a);
      std::memcpy(&b, from + x_stride + j, sizeof b);
      std::memcpy(&c, from + 2 * x_stride + j, sizeof c);
      std::memcpy(&d, from + 3 * x_stride + j, sizeof d);
      const Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
      const Four ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7), cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      put(__builtin_shufflevector(ab, cd, 0, 1, 4, 5), to + j * y_stride);
      put(__builtin_shufflevector(ab, cd, 2, 3, 6, 7), to + (j + 1) * y_stride);
      put(__builtin_shufflevector(ab2, cd2, 0, 1, 4, 5), to + (j + 2) * y_stride);
      put(__builtin_shufflevector(ab2, cd2, 2, 3, 6, 7), to + (j + 3) * y_stride);
    }
    for (; j < cols; ++j) {
      for (std::int64_t k = i; k < i + 4; ++k) single(k, j);
    }
  }
  for (; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) single(i, j);
  }
}

}  // namespace tern::infer
