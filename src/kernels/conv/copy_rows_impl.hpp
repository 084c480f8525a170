// Micro::copy_rows over the vector type of micro_impl.hpp, for instruction sets without masked loads. Included like that.

inline void copy_rows(const float* x, i64 ld_x, i64 stride, i64 rows, i64 left, i64 n, i64 cols, float* y) {
  constexpr i64 W = Vec::kWidth;
  for (i64 r = 0; r < rows; ++r, x += ld_x, y += cols) {
    for (i64 i = 0; i < cols; i += W) Vec::zero().store(y + i);
    float* to = y + left;
    if (stride == 1 && n >= W) {
      for (i64 i = 0; i < n; i += W) {
        const i64 at = i + W <= n ? i : n - W;
        Vec::load(x + at).store(to + at);
      }
    } else if (stride == 1) {
      for (i64 i = 0; i < n; ++i) to[i] = x[i];
    } else if (stride == 2) {
      for (i64 i = 0; i < n; ++i) to[i] = x[2 * i];
    } else {
      for (i64 i = 0; i < n; ++i) to[i] = x[i * stride];
    }
  }
}
