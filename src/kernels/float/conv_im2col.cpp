// One filter group at a time, a convolution is three matrix products over the matrix `col`, whose row (c, r, s) holds
// what filter tap (r, s) of channel c sees at each output pixel, and whose columns run over (image, p, q):
//
//   forward           y    [O x columns] = filters [O x K] col [K x columns]
//   backward filters  dw   [O x K]       = dy [O x columns] col^T
//   backward data     dcol [K x columns] = filters^T dy, then each dcol element is added to the pixel it was copied
//   from
//
// col is never built whole: a tile is a few output rows of one image, or a few whole small images, such that its part
// of col stays in the cache and the product is still wide enough to be efficient.
#include "kernels/float/conv_im2col.hpp"

#include <algorithm>
#include <cstring>

#include "core/buffer.hpp"
#include "kernels/float/blas.hpp"
#include "tern/parallel.hpp"

namespace tern::kernels::im2col {
namespace {

using i64 = std::int64_t;

constexpr i64 kTileBytes = i64{512} << 10;  // of col, about an L2
constexpr i64 kMinColumns = 128, kMaxColumns = 1024;
constexpr i64 kChunks = 16;                   // enough to balance a handful of threads
constexpr i64 kPartialBytes = i64{32} << 20;  // of partial filter gradients, all chunks together

template <class T>
class Scratch {
 public:
  explicit Scratch(i64 count) : buffer_(Buffer::allocate(static_cast<std::size_t>(count) * sizeof(T))) {}
  T* data() const { return reinterpret_cast<T*>(buffer_->data()); }

 private:
  std::shared_ptr<Buffer> buffer_;
};

i64 ceil_div(i64 a, i64 b) { return (a + b - 1) / b; }

// Extents of one filter group.
struct Group {
  i64 c, o, p, q, taps, k, pixels;
  explicit Group(const ConvShape& s)
      : c(s.channels / s.groups),
        o(s.outputs / s.groups),
        p(s.out_height()),
        q(s.out_width()),
        taps(s.kernel_h * s.kernel_w),
        k(c * taps),
        pixels(p * q) {}
};

// Images [n0, n1) x output rows [p0, p1). Only a tile of one image may hold a part of its rows.
struct Tile {
  i64 n0, n1, p0, p1;
  i64 columns(const ConvShape& s) const { return (n1 - n0) * (p1 - p0) * s.out_width(); }
};

// How a shape is cut: either several rows of one image or several images a tile, evenly.
struct Tiling {
  i64 images = 1, rows = 1, per_image = 1;

  Tiling(const ConvShape& s, i64 item_bytes) {
    const Group g(s);
    const i64 columns = std::clamp(kTileBytes / std::max<i64>(1, g.k * item_bytes), kMinColumns, kMaxColumns);
    rows = std::max<i64>(1, g.p);
    if (g.pixels > columns) {
      per_image = ceil_div(g.p, std::max<i64>(1, columns / g.q));
      rows = ceil_div(g.p, per_image);
      per_image = ceil_div(g.p, rows);
    } else {
      images = std::clamp<i64>(columns / std::max<i64>(1, g.pixels), 1, std::max<i64>(1, ceil_div(s.batch, kChunks)));
    }
  }

  i64 count(const ConvShape& s) const { return ceil_div(s.batch, images) * per_image; }

  Tile tile(const ConvShape& s, i64 i, i64 end_image) const {
    const i64 n0 = i / per_image * images, p0 = i % per_image * rows;
    return {n0, std::min(n0 + images, end_image), p0, std::min(p0 + rows, s.out_height())};
  }

  // Calls f(tile) for the tiles of images [n0, n1), in order.
  template <class F>
  void for_each(const ConvShape& s, i64 n0, i64 n1, F&& f) const {
    const i64 height = s.out_height();
    for (i64 n = n0; n < n1; n += images) {
      for (i64 p = 0; p < height; p += rows) f(Tile{n, std::min(n + images, n1), p, std::min(p + rows, height)});
    }
  }
};

// Outputs [low, high) of one dimension whose input position out * stride + shift lies inside [0, in).
struct Span {
  i64 low, high;
};
Span inside(i64 out_begin, i64 out_end, i64 in, i64 stride, i64 shift) {
  const i64 low = shift >= 0 ? 0 : ceil_div(-shift, stride);
  const i64 high = shift >= in ? 0 : ceil_div(in - shift, stride);
  const i64 clamped = std::clamp(low, out_begin, out_end);
  return {clamped, std::clamp(high, clamped, out_end)};
}

// With stride 1 and equal width, a tap sees its whole plane shifted by a constant: one long copy, then the edges.
bool shifted_planes(const ConvShape& s) { return s.stride_h == 1 && s.stride_w == 1 && s.out_width() == s.width; }
bool is_pointwise(const ConvShape& s) {
  return s.kernel_h == 1 && s.kernel_w == 1 && shifted_planes(s) && s.out_height() == s.height && s.pad_h == 0 &&
         s.pad_w == 0;
}

// Zeroes the columns of a plane that fall outside the input on the left and right of each of its rows.
template <class T>
void zero_edges(T* plane, i64 rows, i64 q, Span columns) {
  if (columns.low == 0 && columns.high == q) return;
  for (i64 p = 0; p < rows; ++p) {
    std::fill(plane + p * q, plane + p * q + columns.low, T(0));
    std::fill(plane + p * q + columns.high, plane + (p + 1) * q, T(0));
  }
}

// Where the elements of one tap of one image lie. Calls f(tap row in col, input plane, rows, columns, shift_h,
// shift_w).
template <class T, class F>
void for_each_plane(const ConvShape& s, const Tile& t, i64 channel, i64 channels, i64 ld, T* col, F&& f) {
  const i64 q = s.out_width(), plane = (t.p1 - t.p0) * q;
  for (i64 c = 0; c < channels; ++c) {
    for (i64 r = 0; r < s.kernel_h; ++r) {
      const i64 shift_h = r * s.dilation_h - s.pad_h;
      const Span rows = inside(t.p0, t.p1, s.height, s.stride_h, shift_h);
      for (i64 k = 0; k < s.kernel_w; ++k) {
        const i64 shift_w = k * s.dilation_w - s.pad_w;
        const Span columns = inside(0, q, s.width, s.stride_w, shift_w);
        for (i64 n = t.n0; n < t.n1; ++n) {
          f(col + ((c * s.kernel_h + r) * s.kernel_w + k) * ld + (n - t.n0) * plane,
            (n * s.channels + channel + c) * s.height * s.width, rows, columns, shift_h, shift_w);
        }
      }
    }
  }
}

// col [channels * taps x columns] <- x, channels counted from the first one of the tensor.
template <class T>
void gather(const ConvShape& s, const Tile& t, i64 channel, i64 channels, const T* x, T* col) {
  const bool shifted = shifted_planes(s);
  const i64 width = s.out_width();
  for_each_plane(s, t, channel, channels, t.columns(s), col,
                 [&](T* to, i64 plane, Span rows, Span columns, i64 shift_h, i64 shift_w) {
                   const T* from = x + plane;
                   if (rows.low >= rows.high || columns.low >= columns.high) {
                     std::fill(to, to + (t.p1 - t.p0) * width, T(0));
                     return;
                   }
                   std::fill(to, to + (rows.low - t.p0) * width, T(0));
                   std::fill(to + (rows.high - t.p0) * width, to + (t.p1 - t.p0) * width, T(0));
                   T* row = to + (rows.low - t.p0) * width;
                   if (shifted) {
                     // Edge elements of the copied block are junk from neighbouring rows until zero_edges; the very
                     // first and last ones would lie outside the plane and are not read.
                     const i64 begin = (rows.low + shift_h) * s.width + shift_w,
                               end = (rows.high - 1 + shift_h) * s.width + shift_w + width;
                     const i64 from_begin = std::max<i64>(begin, 0), from_end = std::min(end, s.height * s.width);
                     std::memcpy(row + (from_begin - begin), from + from_begin,
                                 static_cast<std::size_t>(from_end - from_begin) * sizeof(T));
                     zero_edges(row, rows.high - rows.low, width, columns);
                     return;
                   }
                   for (i64 p = rows.low; p < rows.high; ++p, row += width) {
                     const T* line = from + (p * s.stride_h + shift_h) * s.width + shift_w;
                     std::fill(row, row + columns.low, T(0));
                     for (i64 q = columns.low; q < columns.high; ++q) row[q] = line[q * s.stride_w];
                     std::fill(row + columns.high, row + width, T(0));
                   }
                 });
}

// dx += dcol, the transpose of gather. Clobbers dcol.
template <class T>
void scatter_add(const ConvShape& s, const Tile& t, i64 channel, i64 channels, T* dcol, T* dx) {
  const bool shifted = shifted_planes(s);
  const i64 width = s.out_width();
  for_each_plane(s, t, channel, channels, t.columns(s), dcol,
                 [&](T* from, i64 plane, Span rows, Span columns, i64 shift_h, i64 shift_w) {
                   if (rows.low >= rows.high || columns.low >= columns.high) return;
                   T* to = dx + plane;
                   T* row = from + (rows.low - t.p0) * width;
                   if (shifted) {
                     zero_edges(row, rows.high - rows.low, width, columns);
                     const i64 begin = (rows.low + shift_h) * s.width + shift_w,
                               end = (rows.high - 1 + shift_h) * s.width + shift_w + width;
                     const i64 to_begin = std::max<i64>(begin, 0), to_end = std::min(end, s.height * s.width);
                     const T* source = row + (to_begin - begin);
                     for (i64 i = 0; i < to_end - to_begin; ++i) to[to_begin + i] += source[i];
                     return;
                   }
                   for (i64 p = rows.low; p < rows.high; ++p, row += width) {
                     T* line = to + (p * s.stride_h + shift_h) * s.width + shift_w;
                     for (i64 q = columns.low; q < columns.high; ++q) line[q * s.stride_w] += row[q];
                   }
                 });
}

// The rows of y (or dy) that belong to a tile and a group, as a matrix [g.o x columns]. One image's rows lie in place;
// several images are gathered into, or scattered from, a small dense matrix.
template <class T>
struct OutputTile {
  i64 first, ld;  // element of y where the matrix starts if it lies in place, and the distance between its rows
  bool in_place;
  OutputTile(const ConvShape& s, const Group& g, const Tile& t, i64 group)
      : first((t.n0 * s.outputs + group * g.o) * g.pixels + t.p0 * g.q),
        ld(t.n1 - t.n0 == 1 ? g.pixels : t.columns(s)),
        in_place(t.n1 - t.n0 == 1) {}
};

template <class T>
void gather_output(const ConvShape& s, const Group& g, const Tile& t, i64 group, const T* y, T* dense) {
  const i64 ld = t.columns(s);
  for (i64 n = t.n0; n < t.n1; ++n) {
    for (i64 o = 0; o < g.o; ++o) {
      std::memcpy(dense + o * ld + (n - t.n0) * g.pixels, y + (n * s.outputs + group * g.o + o) * g.pixels,
                  static_cast<std::size_t>(g.pixels) * sizeof(T));
    }
  }
}

// Channel ranges that a chunk of a backward pass takes when images and groups alone give too few chunks.
i64 channel_splits(const Group& g, i64 chunks) {
  if (chunks >= kChunks) return 1;
  return std::clamp<i64>(ceil_div(kChunks, std::max<i64>(1, chunks)), 1, std::max<i64>(1, std::min(g.c, g.k / 128)));
}

}  // namespace

template <class T>
void forward(const ConvShape& s, const T* x, const T* filters, const T* bias, T* y) {
  const Group g(s);
  const Tiling tiling(s, sizeof(T));
  const bool direct = is_pointwise(s);
  parallel_for(tiling.count(s) * s.groups, [&](i64 chunk) {
    const i64 group = chunk % s.groups;
    const Tile t = tiling.tile(s, chunk / s.groups, s.batch);
    const i64 columns = t.columns(s);
    const OutputTile<T> out(s, g, t, group);
    const bool in_place = direct && out.in_place;
    const Scratch<T> col(in_place ? 0 : g.k * columns), dense(out.in_place ? 0 : g.o * columns);
    if (!in_place) gather(s, t, group * g.c, g.c, x, col.data());
    const T* matrix = in_place ? x + (t.n0 * s.channels + group * g.c) * g.pixels + t.p0 * g.q : col.data();
    T* to = out.in_place ? y + out.first : dense.data();
    gemm(false, false, g.o, columns, g.k, T(1), filters + group * g.o * g.k, g.k, matrix, in_place ? g.pixels : columns,
         T(0), to, out.ld);
    for (i64 o = 0; o < g.o; ++o) {
      const T b = bias ? bias[group * g.o + o] : T(0);
      T* row = to + o * out.ld;
      if (out.in_place) {
        if (bias) {
          for (i64 i = 0; i < columns; ++i) row[i] += b;
        }
        continue;
      }
      for (i64 n = t.n0; n < t.n1; ++n) {
        const T* from = row + (n - t.n0) * g.pixels;
        T* image = y + (n * s.outputs + group * g.o + o) * g.pixels;
        for (i64 i = 0; i < g.pixels; ++i) image[i] = from[i] + b;
      }
    }
  });
}

template <class T>
void backward_data(const ConvShape& s, const T* dy, const T* filters, T* dx) {
  const Group g(s);
  const Tiling tiling(s, sizeof(T));
  const bool direct = is_pointwise(s);
  const i64 images = ceil_div(s.batch, tiling.images);
  const i64 splits = channel_splits(g, images * s.groups);
  parallel_for(images * s.groups * splits, [&](i64 chunk) {
    const i64 split = chunk % splits, group = chunk / splits % s.groups, n0 = chunk / splits / s.groups * tiling.images;
    const i64 n1 = std::min(n0 + tiling.images, s.batch);
    const i64 c0 = g.c * split / splits, channels = g.c * (split + 1) / splits - c0, k = channels * g.taps;
    const i64 channel = group * g.c + c0;
    const T* w = filters + group * g.o * g.k + c0 * g.taps;
    const bool in_place = direct && n1 - n0 == 1;
    if (!in_place) {
      for (i64 n = n0; n < n1; ++n)
        std::fill_n(dx + (n * s.channels + channel) * s.height * s.width, channels * s.height * s.width, T(0));
    }
    tiling.for_each(s, n0, n1, [&](const Tile& t) {
      const i64 columns = t.columns(s);
      const OutputTile<T> out(s, g, t, group);
      const Scratch<T> dcol(in_place ? 0 : k * columns), dense(out.in_place ? 0 : g.o * columns);
      if (!out.in_place) gather_output(s, g, t, group, dy, dense.data());
      const T* from = out.in_place ? dy + out.first : dense.data();
      T* to = in_place ? dx + (t.n0 * s.channels + channel) * g.pixels + t.p0 * g.q : dcol.data();
      gemm(true, false, k, columns, g.o, T(1), w, g.k, from, out.ld, T(0), to, in_place ? g.pixels : columns);
      if (!in_place) scatter_add(s, t, channel, channels, to, dx);
    });
  });
}

template <class T>
void backward_filters(const ConvShape& s, const T* x, const T* dy, T* dfilters) {
  const Group g(s);
  const Tiling tiling(s, sizeof(T));
  const bool direct = is_pointwise(s);
  const i64 size = s.outputs * g.k;
  const i64 affordable = kPartialBytes / std::max<i64>(1, size * static_cast<i64>(sizeof(T)));
  const i64 parts = std::clamp<i64>(ceil_div(s.batch, tiling.images), 1, std::clamp<i64>(affordable, 1, kChunks));
  const i64 splits = channel_splits(g, parts * s.groups);
  const Scratch<T> partial(parts > 1 ? parts * size : 0);
  T* const sums = parts > 1 ? partial.data() : dfilters;
  if (s.batch == 0) std::fill_n(dfilters, size, T(0));

  parallel_for(parts * s.groups * splits, [&](i64 chunk) {
    const i64 split = chunk % splits, group = chunk / splits % s.groups, part = chunk / splits / s.groups;
    const i64 n0 = s.batch * part / parts, n1 = s.batch * (part + 1) / parts;
    const i64 c0 = g.c * split / splits, channels = g.c * (split + 1) / splits - c0, k = channels * g.taps;
    T* dw = sums + part * size + group * g.o * g.k + c0 * g.taps;
    T beta = 0;
    tiling.for_each(s, n0, n1, [&](const Tile& t) {
      const i64 columns = t.columns(s);
      const OutputTile<T> out(s, g, t, group);
      const bool in_place = direct && out.in_place;
      const Scratch<T> col(in_place ? 0 : k * columns), dense(out.in_place ? 0 : g.o * columns);
      if (!in_place) gather(s, t, group * g.c + c0, channels, x, col.data());
      if (!out.in_place) gather_output(s, g, t, group, dy, dense.data());
      const T* matrix = in_place ? x + (t.n0 * s.channels + group * g.c + c0) * g.pixels + t.p0 * g.q : col.data();
      gemm(false, true, g.o, k, columns, T(1), out.in_place ? dy + out.first : dense.data(), out.ld, matrix,
           in_place ? g.pixels : columns, beta, dw, g.k);
      beta = 1;
    });
  });

  if (parts == 1) return;
  parallel_ranges(size, i64{1} << 14, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) dfilters[i] = sums[i];
    for (i64 part = 1; part < parts; ++part) {
      for (i64 i = begin; i < end; ++i) dfilters[i] += sums[part * size + i];
    }
  });
}

template void forward(const ConvShape&, const float*, const float*, const float*, float*);
template void forward(const ConvShape&, const double*, const double*, const double*, double*);
template void backward_data(const ConvShape&, const float*, const float*, float*);
template void backward_data(const ConvShape&, const double*, const double*, double*);
template void backward_filters(const ConvShape&, const float*, const float*, float*);
template void backward_filters(const ConvShape&, const double*, const double*, double*);

}  // namespace tern::kernels::im2col
