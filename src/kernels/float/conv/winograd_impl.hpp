// The transforms of winograd.cpp over the vector type of body.cpp, which includes this.

// t = B^T d of four values: d0 - d2, d1 + d2, d2 - d1, d1 - d3.
inline void winograd_points(const Vec (&d)[4], Vec (&t)[4]) {
  t[0] = sub(d[0], d[2]);
  t[1] = add(d[1], d[2]);
  t[2] = sub(d[2], d[1]);
  t[3] = sub(d[1], d[3]);
}

// Lanes are neighbouring tiles of a row: tile j has the columns even[j], odd[j], even[j + 1], odd[j + 1]. The last
// vector of a row writes past it, into what the next row, or nobody, uses.
inline void winograd_input(const float* even, const float* odd, i64 cols, i64 tile_rows, i64 tile_cols, float* v,
                           i64 ld) {
  for (i64 row = 0; row < tile_rows; ++row) {
    for (i64 j = 0; j < tile_cols; j += Vec::kWidth) {
      Vec columns[4][4];  // [column][point of the rows]
      TERN_CONV_UNROLL
      for (int c = 0; c < 4; ++c) {
        const float* from = (c % 2 == 0 ? even : odd) + 2 * row * cols + j + c / 2;
        Vec d[4];
        TERN_CONV_UNROLL
        for (int r = 0; r < 4; ++r) d[r] = Vec::load(from + r * cols);
        winograd_points(d, columns[c]);
      }
      float* to = v + row * tile_cols + j;
      TERN_CONV_UNROLL
      for (int r = 0; r < 4; ++r) {
        const Vec d[4] = {columns[0][r], columns[1][r], columns[2][r], columns[3][r]};
        Vec t[4];
        winograd_points(d, t);
        TERN_CONV_UNROLL
        for (int c = 0; c < 4; ++c) t[c].store(to + (4 * r + c) * ld);
      }
    }
  }
}

// t = G g of three values: g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2.
inline void winograd_filter_points(Vec a, Vec b, Vec c, Vec (&t)[4]) {
  const float half = 0.5f;
  const Vec h = Vec::broadcast(&half), outer = add(a, c);
  t[0] = a;
  t[1] = fma(h, add(outer, b), Vec::zero());
  t[2] = fma(h, sub(outer, b), Vec::zero());
  t[3] = c;
}

inline void winograd_filters(const float* g, i64 k, i64 lanes, float* u, i64 ld) {
  for (i64 i = 0; i < k; ++i) {
    for (i64 lane = 0; lane < lanes; lane += Vec::kWidth) {
      const float* from = g + 9 * i * lanes + lane;
      Vec rows[3][4];  // [column][point of the rows]
      TERN_CONV_UNROLL
      for (int c = 0; c < 3; ++c) {
        winograd_filter_points(Vec::load(from + c * lanes), Vec::load(from + (3 + c) * lanes),
                               Vec::load(from + (6 + c) * lanes), rows[c]);
      }
      TERN_CONV_UNROLL
      for (int r = 0; r < 4; ++r) {
        Vec t[4];
        winograd_filter_points(rows[0][r], rows[1][r], rows[2][r], t);
        TERN_CONV_UNROLL
        for (int c = 0; c < 4; ++c) t[c].store(u + (4 * r + c) * ld + i * lanes + lane);
      }
    }
  }
}

// y = A^T m of four values: m0 + m1 + m2, m1 - m2 - m3.
inline void winograd_results(const Vec (&m)[4], Vec (&y)[2]) {
  y[0] = add(add(m[0], m[1]), m[2]);
  y[1] = sub(sub(m[1], m[2]), m[3]);
}

inline void winograd_output(const float* m, i64 ld, i64 lanes, i64 rows, i64 cols, float* y) {
  for (i64 row = 0; row < rows; row += 2) {
    for (i64 col = 0; col < cols; col += 2, m += lanes) {
      for (i64 lane = 0; lane < lanes; lane += Vec::kWidth) {
        Vec half[4][2];  // [column of points][row]
        TERN_CONV_UNROLL
        for (int c = 0; c < 4; ++c) {
          Vec p[4];
          TERN_CONV_UNROLL
          for (int r = 0; r < 4; ++r) p[r] = Vec::load(m + (4 * r + c) * ld + lane);
          winograd_results(p, half[c]);
        }
        TERN_CONV_UNROLL
        for (int r = 0; r < 2; ++r) {
          const Vec p[4] = {half[0][r], half[1][r], half[2][r], half[3][r]};
          Vec out[2];
          winograd_results(p, out);
          float* to = y + ((row + r) * cols + col) * lanes + lane;
          if (row + r < rows) {
            out[0].store(to);
            if (col + 1 < cols) out[1].store(to + lanes);
          }
        }
      }
    }
  }
}

// t = A y of two values: y0, y0 + y1, y0 - y1, -y1.
inline void winograd_spread(Vec a, Vec b, Vec (&t)[4]) {
  t[0] = a;
  t[1] = add(a, b);
  t[2] = sub(a, b);
  t[3] = sub(Vec::zero(), b);
}

inline void winograd_output_gradient(const float* dy, i64 lanes, i64 rows, i64 cols, float* m, i64 ld) {
  for (i64 row = 0; row < rows; row += 2) {
    for (i64 col = 0; col < cols; col += 2, m += lanes) {
      for (i64 lane = 0; lane < lanes; lane += Vec::kWidth) {
        Vec columns[2][4];  // [column][point of the rows]
        TERN_CONV_UNROLL
        for (int c = 0; c < 2; ++c) {
          const float* from = dy + (row * cols + col + c) * lanes + lane;
          const bool inside = col + c < cols;
          winograd_spread(inside ? Vec::load(from) : Vec::zero(),
                          inside && row + 1 < rows ? Vec::load(from + cols * lanes) : Vec::zero(), columns[c]);
        }
        TERN_CONV_UNROLL
        for (int r = 0; r < 4; ++r) {
          Vec t[4];
          winograd_spread(columns[0][r], columns[1][r], t);
          TERN_CONV_UNROLL
          for (int c = 0; c < 4; ++c) t[c].store(m + (4 * r + c) * ld + lane);
        }
      }
    }
  }
}

// g = G^T u of four values: u0 + (u1 + u2) / 2, (u1 - u2) / 2, (u1 + u2) / 2 + u3.
inline void winograd_filter_sums(const Vec (&u)[4], Vec (&g)[3]) {
  const float half = 0.5f;
  const Vec h = Vec::broadcast(&half), sum = fma(h, add(u[1], u[2]), Vec::zero());
  g[0] = add(u[0], sum);
  g[1] = fma(h, sub(u[1], u[2]), Vec::zero());
  g[2] = add(sum, u[3]);
}

inline void winograd_filters_gradient(const float* du, i64 ld, i64 k, i64 lanes, float* dg) {
  for (i64 i = 0; i < k; ++i) {
    for (i64 lane = 0; lane < lanes; lane += Vec::kWidth) {
      Vec rows[4][3];  // [column of points][row]
      TERN_CONV_UNROLL
      for (int c = 0; c < 4; ++c) {
        Vec u[4];
        TERN_CONV_UNROLL
        for (int r = 0; r < 4; ++r) u[r] = Vec::load(du + (4 * r + c) * ld + i * lanes + lane);
        winograd_filter_sums(u, rows[c]);
      }
      TERN_CONV_UNROLL
      for (int r = 0; r < 3; ++r) {
        const Vec u[4] = {rows[0][r], rows[1][r], rows[2][r], rows[3][r]};
        Vec g[3];
        winograd_filter_sums(u, g);
        TERN_CONV_UNROLL
        for (int c = 0; c < 3; ++c) g[c].store(dg + (9 * i + 3 * r + c) * lanes + lane);
      }
    }
  }
}
