// Micro::copy_planes over the vector type of body.cpp, without masked loads. Included like that file.

// Copies mostly wait for memory: the hardware's own guesses end at each page.
inline void prefetch_plane(const float* x, const PlaneCopy& c, i64 plane) {
  if (c.ahead == 0 || plane + c.ahead >= c.planes) return;
  const float* from = x + (plane + c.ahead) * c.x_plane;
  for (i64 i = 0; i < c.rows * c.x_row; i += 16) __builtin_prefetch(from + i);
}

inline void copy_planes_generic(const float* x, float* y, const PlaneCopy& c) {
  constexpr i64 W = Vec::kWidth;
  for (i64 plane = 0; plane < c.planes; ++plane) {
    prefetch_plane(x, c, plane);
    const float* from = x + plane * c.x_plane;
    float* to = y + plane * c.y_plane;
    const i64 rows = c.top + c.rows + c.bottom;
    for (i64 r = 0; r < rows; ++r, to += c.cols) {
      for (i64 i = 0; i < c.cols; i += W) Vec::zero().store(to + i);
      if (r < c.top || r >= c.top + c.rows) continue;
      float* inside = to + c.left;
      if (c.stride == 1 && c.n >= W) {
        for (i64 i = 0; i < c.n; i += W) {
          const i64 at = i + W <= c.n ? i : c.n - W;
          Vec::load(from + at).store(inside + at);
        }
      } else if (c.stride == 1) {
        for (i64 i = 0; i < c.n; ++i) inside[i] = from[i];
      } else if (c.stride == 2) {
        for (i64 i = 0; i < c.n; ++i) inside[i] = from[2 * i];
      } else {
        for (i64 i = 0; i < c.n; ++i) inside[i] = from[i * c.stride];
      }
      from += c.x_row;
    }
  }
}
