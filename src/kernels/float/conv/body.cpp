// The inner loops of micro.hpp, written once over a vector type. Each instruction set's file defines `Vec` (the width,
// how many accumulators its registers hold, loads and stores, broadcast, transpose), fma, add, sub and copy_planes().
#include TERN_OPS

#include "kernels/float/conv/micro.hpp"

#if defined(__clang__)
#define TERN_CONV_UNROLL _Pragma("clang loop unroll(full)")
#else
#define TERN_CONV_UNROLL _Pragma("GCC unroll 18")
#endif

namespace tern::kernels::conv {
namespace {

// T pixels times V vectors stay in registers over the whole sum; each step loads V vectors of filters and T scalars.
template <int T, int V>
void tile(const float* x, const i32* off, i64 k, const float* w, float* out, i64 ld_out, bool accumulate) {
  Vec acc[T][V];
  TERN_CONV_UNROLL
  for (int t = 0; t < T; ++t) {
    TERN_CONV_UNROLL
    for (int v = 0; v < V; ++v) acc[t][v] = Vec::zero();
  }
  for (i64 i = 0; i < k; ++i) {
    const float* xi = x + off[i];
    Vec wv[V];
    TERN_CONV_UNROLL
    for (int v = 0; v < V; ++v) wv[v] = Vec::load(w + v * Vec::kWidth);
    w += V * Vec::kWidth;
    TERN_CONV_UNROLL
    for (int t = 0; t < T; ++t) {
      const Vec b = Vec::broadcast(xi + t);
      TERN_CONV_UNROLL
      for (int v = 0; v < V; ++v) acc[t][v] = fma(wv[v], b, acc[t][v]);
    }
  }
  TERN_CONV_UNROLL
  for (int t = 0; t < T; ++t) {
    TERN_CONV_UNROLL
    for (int v = 0; v < V; ++v) {
      float* o = out + t * ld_out + v * Vec::kWidth;
      if (accumulate) acc[t][v] = add(acc[t][v], Vec::load(o));
      acc[t][v].store(o);
    }
  }
}

// U consecutive pixels of a row: every offset is read once for all of them.
template <int J, int V, int U>
inline void outer_step(const float* x, const i32* off, const float* dy, Vec (&acc)[J][V]) {
  Vec d[U][V];
  TERN_CONV_UNROLL
  for (int u = 0; u < U; ++u) {
    TERN_CONV_UNROLL
    for (int v = 0; v < V; ++v) d[u][v] = Vec::load(dy + (u * V + v) * Vec::kWidth);
  }
  TERN_CONV_UNROLL
  for (int j = 0; j < J; ++j) {
    const float* xj = x + off[j];
    TERN_CONV_UNROLL
    for (int u = 0; u < U; ++u) {
      const Vec b = Vec::broadcast(xj + u);
      TERN_CONV_UNROLL
      for (int v = 0; v < V; ++v) acc[j][v] = fma(d[u][v], b, acc[j][v]);
    }
  }
}

template <int J, int V>
void outer(const float* x, const i32* off, const float* dy, const PixelBlock& pixels, float* out, bool accumulate) {
  constexpr int kLanes = V * Vec::kWidth;
  constexpr int kUnroll = Vec::kOuterUnroll;
  Vec acc[J][V];
  TERN_CONV_UNROLL
  for (int j = 0; j < J; ++j) {
    TERN_CONV_UNROLL
    for (int v = 0; v < V; ++v) acc[j][v] = accumulate ? Vec::load(out + j * kLanes + v * Vec::kWidth) : Vec::zero();
  }
  const i64 cols = pixels.cols;
  for (i64 n = 0; n < pixels.images; ++n) {
    for (i64 p = 0; p < pixels.rows; ++p) {
      const float* row = x + n * pixels.x_image + p * pixels.x_row;
      i64 q = 0;
      for (; q + kUnroll <= cols; q += kUnroll, dy += kUnroll * kLanes) {
        outer_step<J, V, kUnroll>(row + q, off, dy, acc);
      }
      for (; q < cols; ++q, dy += kLanes) outer_step<J, V, 1>(row + q, off, dy, acc);
    }
  }
  TERN_CONV_UNROLL
  for (int j = 0; j < J; ++j) {
    TERN_CONV_UNROLL
    for (int v = 0; v < V; ++v) acc[j][v].store(out + j * kLanes + v * Vec::kWidth);
  }
}

template <int T>
void row_tile(const float* x, const i32* off, i64 k, const float* w, float* out, i64 ld_out, bool accumulate) {
  Vec acc[T];
  TERN_CONV_UNROLL
  for (int t = 0; t < T; ++t) acc[t] = Vec::zero();
  for (i64 i = 0; i < k; i += 3, w += 3 * Vec::kWidth) {
    const float* xi = x + off[i];
    const Vec w0 = Vec::load(w), w1 = Vec::load(w + Vec::kWidth), w2 = Vec::load(w + 2 * Vec::kWidth);
    TERN_CONV_UNROLL
    for (int t = 0; t < T + 2; ++t) {
      const Vec b = Vec::broadcast(xi + t);
      if (t < T) acc[t] = fma(w0, b, acc[t]);
      if (t >= 1 && t <= T) acc[t - 1] = fma(w1, b, acc[t - 1]);
      if (t >= 2) acc[t - 2] = fma(w2, b, acc[t - 2]);
    }
  }
  TERN_CONV_UNROLL
  for (int t = 0; t < T; ++t) {
    if (accumulate) acc[t] = add(acc[t], Vec::load(out + t * ld_out));
    acc[t].store(out + t * ld_out);
  }
}

// dy points at the margin before the first row.
template <int J>
void row_outer(const float* x, const i32* off, const float* dy, const PixelBlock& pixels, float* out, bool accumulate) {
  constexpr int W = Vec::kWidth;
  Vec acc[J][3];
  TERN_CONV_UNROLL
  for (int j = 0; j < J; ++j) {
    TERN_CONV_UNROLL
    for (int s = 0; s < 3; ++s) acc[j][s] = accumulate ? Vec::load(out + (3 * j + s) * W) : Vec::zero();
  }
  for (i64 n = 0; n < pixels.images; ++n) {
    for (i64 p = 0; p < pixels.rows; ++p) {
      const float* xi = x + n * pixels.x_image + p * pixels.x_row;
      for (i64 i = 0; i < pixels.cols + kRowMargin; ++i, ++xi, dy += W) {
        const Vec d2 = Vec::load(dy), d1 = Vec::load(dy + W), d0 = Vec::load(dy + 2 * W);
        TERN_CONV_UNROLL
        for (int j = 0; j < J; ++j) {
          const Vec b = Vec::broadcast(xi + off[3 * j]);
          acc[j][0] = fma(d0, b, acc[j][0]);
          acc[j][1] = fma(d1, b, acc[j][1]);
          acc[j][2] = fma(d2, b, acc[j][2]);
        }
      }
    }
  }
  TERN_CONV_UNROLL
  for (int j = 0; j < J; ++j) {
    TERN_CONV_UNROLL
    for (int s = 0; s < 3; ++s) acc[j][s].store(out + (3 * j + s) * W);
  }
}

// Square blocks of kWidth pixels by kWidth channels; the last block of a side overlaps the one before, writing the same
// values again. Sides shorter than a block go element by element.
void to_planes(const float* x, i64 ld_x, i64 pixels, i64 channels, const float* bias, float* y, i64 ld_y) {
  constexpr i64 W = Vec::kWidth;
  for (i64 c = 0; c < channels; c += W) {
    const i64 nc = channels - c < W ? channels - c : W;
    if (pixels < W) {
      for (i64 i = 0; i < nc; ++i) {
        const float b = bias ? bias[c + i] : 0.0f;
        for (i64 p = 0; p < pixels; ++p) y[(c + i) * ld_y + p] = x[p * ld_x + c + i] + b;
      }
      continue;
    }
    Vec b = Vec::zero();
    if (bias) {
      float full[W] = {};
      for (i64 i = 0; i < nc; ++i) full[i] = bias[c + i];
      b = Vec::load(full);
    }
    for (i64 p = 0; p < pixels; p += W) {
      const i64 at = p + W <= pixels ? p : pixels - W;
      Vec m[W];
      TERN_CONV_UNROLL
      for (int i = 0; i < W; ++i) m[i] = add(Vec::load(x + (at + i) * ld_x + c), b);
      Vec::transpose(m);
      float* dst = y + c * ld_y + at;
      if (nc == W) {
        TERN_CONV_UNROLL
        for (int i = 0; i < W; ++i) m[i].store(dst + i * ld_y);
      } else {
        float full[W * W];
        TERN_CONV_UNROLL
        for (int i = 0; i < W; ++i) m[i].store(full + i * W);
        for (i64 i = 0; i < nc; ++i) {
          for (i64 j = 0; j < W; ++j) dst[i * ld_y + j] = full[i * W + j];
        }
      }
    }
  }
}

void to_pixels(const float* x, i64 ld_x, i64 pixels, i64 channels, float* y, i64 lanes) {
  constexpr i64 W = Vec::kWidth;
  for (i64 c = 0; c < lanes; c += W) {
    if (pixels < W) {
      for (i64 p = 0; p < pixels; ++p) {
        for (i64 i = c; i < c + W; ++i) y[p * lanes + i] = i < channels ? x[i * ld_x + p] : 0.0f;
      }
      continue;
    }
    for (i64 p = 0; p < pixels; p += W) {
      const i64 at = p + W <= pixels ? p : pixels - W;
      Vec m[W];
      TERN_CONV_UNROLL
      for (int i = 0; i < W; ++i) m[i] = c + i < channels ? Vec::load(x + (c + i) * ld_x + at) : Vec::zero();
      Vec::transpose(m);
      TERN_CONV_UNROLL
      for (int i = 0; i < W; ++i) m[i].store(y + (at + i) * lanes + c);
    }
  }
}

// V vectors of pixels stay in registers over all taps.
template <int V>
void shifted_run(const float* x, const i32* off, const float* w, i64 taps, Vec start, float* y) {
  Vec acc[V];
  TERN_CONV_UNROLL
  for (int v = 0; v < V; ++v) acc[v] = start;
  for (i64 t = 0; t < taps; ++t) {
    const Vec b = Vec::broadcast(w + t);
    const float* from = x + off[t];
    TERN_CONV_UNROLL
    for (int v = 0; v < V; ++v) acc[v] = fma(b, Vec::load(from + v * Vec::kWidth), acc[v]);
  }
  TERN_CONV_UNROLL
  for (int v = 0; v < V; ++v) acc[v].store(y + v * Vec::kWidth);
}

void shifted_sum(const float* x, const i32* off, const float* w, i64 taps, float start, i64 n, float* y) {
  constexpr i64 W = Vec::kWidth;
  const Vec s = Vec::broadcast(&start);
  i64 j = 0;
  for (; j + 5 * W < n; j += 6 * W) shifted_run<6>(x + j, off, w, taps, s, y + j);
  for (; j + 2 * W < n; j += 3 * W) shifted_run<3>(x + j, off, w, taps, s, y + j);
  for (; j < n; j += W) shifted_run<1>(x + j, off, w, taps, s, y + j);
}

// T taps at a time, two vectors of pixels each, so that a vector of dy is loaded once for all of them.
template <int T>
void shifted_dots_of(const float* x, const i32* off, const float* dy, i64 n, float* sums) {
  constexpr i64 W = Vec::kWidth;
  Vec acc[T][2];
  TERN_CONV_UNROLL
  for (int t = 0; t < T; ++t) acc[t][0] = acc[t][1] = Vec::zero();
  i64 j = 0;
  for (; j + W < n; j += 2 * W) {
    const Vec d0 = Vec::load(dy + j), d1 = Vec::load(dy + j + W);
    TERN_CONV_UNROLL
    for (int t = 0; t < T; ++t) {
      acc[t][0] = fma(d0, Vec::load(x + off[t] + j), acc[t][0]);
      acc[t][1] = fma(d1, Vec::load(x + off[t] + j + W), acc[t][1]);
    }
  }
  for (; j < n; j += W) {
    const Vec d = Vec::load(dy + j);
    TERN_CONV_UNROLL
    for (int t = 0; t < T; ++t) acc[t][0] = fma(d, Vec::load(x + off[t] + j), acc[t][0]);
  }
  TERN_CONV_UNROLL
  for (int t = 0; t < T; ++t) {
    float lanes[W];
    add(acc[t][0], acc[t][1]).store(lanes);
    for (i64 half = W / 2; half > 0; half /= 2) {
      for (i64 i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    }
    sums[t] = lanes[0];
  }
}

void shifted_dots(const float* x, const i32* off, i64 taps, const float* dy, i64 n, float* sums) {
  i64 t = 0;
  for (; t + 5 <= taps; t += 5) shifted_dots_of<5>(x, off + t, dy, n, sums + t);
  for (; t + 3 <= taps; t += 3) shifted_dots_of<3>(x, off + t, dy, n, sums + t);
  for (; t < taps; ++t) shifted_dots_of<1>(x, off + t, dy, n, sums + t);
}

// Comparisons of whole vectors, which the compiler knows by itself.
typedef float Floats __attribute__((vector_size(4 * Vec::kWidth)));
typedef int Ints __attribute__((vector_size(4 * Vec::kWidth)));
typedef unsigned char Bytes __attribute__((vector_size(Vec::kWidth)));
template <class V>
V load_as(const void* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <int V>
void shifted_max_run(const float* x, const i32* off, i64 taps, float* y, unsigned char* winner) {
  Floats top[V];
  Ints best[V];
  TERN_CONV_UNROLL
  for (int v = 0; v < V; ++v) {
    top[v] = Floats{} - __builtin_inff();
    best[v] = Ints{} + 255;
  }
  for (i64 t = 0; t < taps; ++t) {
    const Ints tap = Ints{} + static_cast<int>(t);
    TERN_CONV_UNROLL
    for (int v = 0; v < V; ++v) {
      const Floats value = load_as<Floats>(x + off[t] + v * Vec::kWidth);
      const Ints wins = (value > top[v]) | (value != value);
      top[v] = wins ? value : top[v];
      best[v] = wins ? tap : best[v];
    }
  }
  TERN_CONV_UNROLL
  for (int v = 0; v < V; ++v) {
    const Bytes bytes = __builtin_convertvector(best[v], Bytes);
    __builtin_memcpy(y + v * Vec::kWidth, &top[v], sizeof top[v]);
    __builtin_memcpy(winner + v * Vec::kWidth, &bytes, sizeof bytes);
  }
}

void shifted_max(const float* x, const i32* off, i64 taps, i64 n, float* y, unsigned char* winner) {
  constexpr i64 W = Vec::kWidth;
  i64 j = 0;
  for (; j + 3 * W < n; j += 4 * W) shifted_max_run<4>(x + j, off, taps, y + j, winner + j);
  for (; j < n; j += W) shifted_max_run<1>(x + j, off, taps, y + j, winner + j);
}

template <int V>
void shifted_pick_run(const float* dy, const unsigned char* winner, const i32* off, const i64* which, i64 taps,
                      float* dx) {
  Floats sum[V];
  TERN_CONV_UNROLL
  for (int v = 0; v < V; ++v) sum[v] = Floats{};
  for (i64 t = 0; t < taps; ++t) {
    const Ints tap = Ints{} + static_cast<int>(which[t]);
    TERN_CONV_UNROLL
    for (int v = 0; v < V; ++v) {
      const Ints won = __builtin_convertvector(load_as<Bytes>(winner + off[t] + v * Vec::kWidth), Ints);
      const Floats value = load_as<Floats>(dy + off[t] + v * Vec::kWidth);
      sum[v] += won == tap ? value : Floats{};
    }
  }
  TERN_CONV_UNROLL
  for (int v = 0; v < V; ++v) __builtin_memcpy(dx + v * Vec::kWidth, &sum[v], sizeof sum[v]);
}

void shifted_pick(const float* dy, const unsigned char* winner, const i32* off, const i64* which, i64 taps, i64 n,
                  float* dx) {
  constexpr i64 W = Vec::kWidth;
  i64 j = 0;
  for (; j + 3 * W < n; j += 4 * W) shifted_pick_run<4>(dy + j, winner + j, off, which, taps, dx + j);
  for (; j < n; j += W) shifted_pick_run<1>(dy + j, winner + j, off, which, taps, dx + j);
}

#include "kernels/float/conv/winograd_impl.hpp"

// Later entries stay null: more accumulators than registers would spill. Narrow tiles are as long as row tiles.
template <int V, int T>
constexpr void fill_tiles(TileFn (&table)[kMaxTile + 1]) {
  table[T] = &tile<T, V>;
  if constexpr (T > 1) fill_tiles<V, T - 1>(table);
}
template <int V, int J>
constexpr void fill_outers(OuterFn (&table)[kMaxOuter + 1]) {
  table[J] = &outer<J, V>;
  if constexpr (J > 1) fill_outers<V, J - 1>(table);
}
template <int T>
constexpr void fill_row_tiles(TileFn (&table)[kMaxRowTile + 1]) {
  table[T] = &row_tile<T>;
  if constexpr (T > 1) fill_row_tiles<T - 1>(table);
}
template <int J>
constexpr void fill_row_outers(OuterFn (&table)[kMaxRowOuter + 1]) {
  table[J] = &row_outer<J>;
  if constexpr (J > 1) fill_row_outers<J - 1>(table);
}
constexpr Micro make_micro() {
  Micro m{};
  m.name = TERN_BODY_NAME;
  m.width = Vec::kWidth;
  m.max_tile[0] = Vec::kRowTile;
  m.max_tile[1] = Vec::kTile;
  m.max_outer = Vec::kOuter;
  fill_tiles<1, Vec::kRowTile>(m.tile[0]);
  fill_tiles<2, Vec::kTile>(m.tile[1]);
  fill_outers<1, Vec::kOuter>(m.outer[0]);
  fill_outers<2, Vec::kOuter>(m.outer[1]);
  m.max_row_tile = Vec::kRowTile;
  m.max_row_outer = Vec::kRowOuter;
  fill_row_tiles<Vec::kRowTile>(m.row_tile);
  fill_row_outers<Vec::kRowOuter>(m.row_outer);
  m.copy_planes = &copy_planes;
  m.shifted_sum = &shifted_sum;
  m.shifted_max = &shifted_max;
  m.shifted_pick = &shifted_pick;
  m.shifted_dots = &shifted_dots;
  m.to_planes = &to_planes;
  m.to_pixels = &to_pixels;
  m.winograd_input = &winograd_input;
  m.winograd_filters = &winograd_filters;
  m.winograd_output = &winograd_output;
  m.winograd_output_gradient = &winograd_output_gradient;
  m.winograd_filters_gradient = &winograd_filters_gradient;
  return m;
}

constexpr Micro kMicro = make_micro();

}  // namespace

template <>
const Micro& Micro::body<Isa::TERN_BODY>() {
  return kMicro;
}

}  // namespace tern::kernels::conv
