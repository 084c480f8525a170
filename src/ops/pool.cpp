// Pooling: windows over the planes of x [N C H W].
#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "kernels/float/conv/depthwise.hpp"
#include "kernels/float/conv/window_max.hpp"
#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

using i64 = std::int64_t;

struct Geometry {
  i64 planes, h, w, p, q;
  Pool2dOptions o;
  Shape input;

  Geometry(std::string_view op, const Tensor& x, const Pool2dOptions& options) : o(options) {
    ops::check_floating(op, x);
    ops::check_rank(op, "x", x, 4);
    if (o.kernel < 1 || o.stride < 1 || o.pad < 0 || o.pad > o.kernel / 2 ||
        std::max(o.kernel, o.stride) > ops::kMaxAttribute) {
      ops::throw_value(
          op, "kernel and stride in 1 .. " + std::to_string(ops::kMaxAttribute) + " and 0 <= pad <= kernel / 2",
          "kernel " + std::to_string(o.kernel) + ", stride " + std::to_string(o.stride) + ", pad " +
              std::to_string(o.pad));
    }
    planes = x.size(0) * x.size(1);
    h = x.size(2);
    w = x.size(3);
    if (std::min(h, w) + 2 * o.pad < o.kernel || std::min(h, w) < 1) {
      ops::throw_shape(
          op, "a window that fits into the padded image",
          "kernel " + std::to_string(o.kernel) + ", pad " + std::to_string(o.pad) + " for " + x.shape().str());
    }
    p = conv_out_extent(h, o.kernel, o.stride, o.pad, 1, o.ceil);
    q = conv_out_extent(w, o.kernel, o.stride, o.pad, 1, o.ceil);
    input = x.shape();
  }

  Shape result() const { return Shape{input[0], input[1], p, q}; }

  // Pixels [begin, end) of one dimension under a window, and how many cells it has with the padding.
  struct Range {
    i64 begin, end, padded;
  };
  Range range(i64 out, i64 extent) const {
    const i64 begin = out * o.stride - o.pad, end = begin + o.kernel;
    return {std::max<i64>(begin, 0), std::min(end, extent), std::min(end, extent + o.pad) - begin};
  }

  // Windows that tile the plane, 2 x 2 pixels each; an odd last row or column belongs to none.
  bool two_by_two() const { return o.kernel == 2 && o.stride == 2 && o.pad == 0 && p == h / 2 && q == w / 2; }

  template <class F>
  void for_planes(F f) const {
    parallel_ranges(planes, std::max<i64>(1, ops::kGrain / (h * w)), [&](i64 begin, i64 end) {
      for (i64 i = begin; i < end; ++i) f(i);
    });
  }

  // Outputs of one row whose windows hang over no edge, [begin, end); [0, begin) and [end, q) do.
  struct Inner {
    i64 begin, end;
  };
  Inner inner() const {
    const i64 begin = std::min(q, (o.pad + o.stride - 1) / o.stride);
    const i64 last = w + o.pad - o.kernel;
    return {begin, std::clamp(last < 0 ? i64{0} : last / o.stride + 1, begin, q)};
  }

  // A row of windows: f(j, columns) for those that hang over an edge, g(first, count, column) for runs of inner ones,
  // of at most kRun; window j begins at pixel column + (j - first) * stride of its rows.
  static constexpr i64 kRun = 64;
  template <class F, class G>
  void for_row(F f, G g) const {
    const Inner in = inner();
    for (i64 j = 0; j < in.begin; ++j) f(j, range(j, w));
    for (i64 j = in.begin; j < in.end; j += kRun) g(j, std::min(kRun, in.end - j), j * o.stride - o.pad);
    for (i64 j = in.end; j < q; ++j) f(j, range(j, w));
  }
};

// f(std::integral_constant) for the usual strides, so that loops over a row of windows become vectors.
template <class F>
void with_stride(i64 stride, F f) {
  if (stride == 1) return f(std::integral_constant<i64, 1>{});
  if (stride == 2) return f(std::integral_constant<i64, 2>{});
  f(stride);
}

// Pixel numbers within a plane, four bytes each, in memory that backward reads again. The address is looked up once: in
// the inner loops that would cost more than the pooling.
template <class Bytes>
struct WinnerView {
  Bytes* bytes;
  void put(i64 i, std::uint32_t pixel) const { std::memcpy(bytes + i * 4, &pixel, 4); }
  i64 get(i64 i) const {
    std::uint32_t v;
    std::memcpy(&v, bytes + i * 4, 4);
    return v;
  }
};
struct Winners {
  ops::SavedBytes bytes;
  explicit Winners(i64 count) : bytes(count * 4) {}
  auto view() const { return WinnerView<std::remove_pointer_t<decltype(bytes.data())>>{bytes.data()}; }
};

// Branch-free, since which pixel wins is as good as random.
template <class T>
void keep_larger(T v, std::uint32_t pixel, T& top, std::uint32_t& best) {
  const bool wins = (v > top) | (v != v);
  top = wins ? v : top;
  best = wins ? pixel : best;
}

// One row of 2 x 2 windows, whose upper pixels begin at number `first` of the plane.
template <bool recording, class T, class View>
void max_row_2x2(const T* image, i64 first, i64 w, i64 q, T* y, View winners, i64 out) {
  const T *upper = image + first, *lower = upper + w;
  const auto base = static_cast<std::uint32_t>(first), below = static_cast<std::uint32_t>(w);
  for (i64 j = 0; j < q; ++j) {
    const std::uint32_t corner = base + 2 * static_cast<std::uint32_t>(j);
    T top = upper[2 * j];
    std::uint32_t best = corner;
    keep_larger(upper[2 * j + 1], corner + 1, top, best);
    keep_larger(lower[2 * j], corner + below, top, best);
    keep_larger(lower[2 * j + 1], corner + below + 1, top, best);
    y[j] = top;
    if (recording) winners.put(out + j, best);
  }
}

// Its gradient: each pixel of a window gets dy or 0.
template <class T, class View>
void max_row_2x2_backward(const T* dy, View winners, i64 out, i64 first, i64 w, i64 q, T* image) {
  T *upper = image + first, *lower = upper + w;
  for (i64 j = 0; j < q; ++j) {
    const i64 winner = winners.get(out + j) - first - 2 * j;
    const T g = dy[j];
    upper[2 * j] = winner == 0 ? g : T(0);
    upper[2 * j + 1] = winner == 1 ? g : T(0);
    lower[2 * j] = winner == w ? g : T(0);
    lower[2 * j + 1] = winner == w + 1 ? g : T(0);
  }
}

// Row i of a plane's windows of any shape. The pixels of a window come in the order of memory.
template <class T, class View>
void max_row(const Geometry& g, const T* image, i64 i, T* y, bool recording, View winners, i64 out) {
  const Geometry::Range rows = g.range(i, g.h);
  const auto at_edge = [&](i64 j, Geometry::Range columns) {
    auto best = static_cast<std::uint32_t>(rows.begin * g.w + columns.begin);
    T top = image[best];
    for (i64 r = rows.begin; r < rows.end; ++r) {
      for (i64 c = columns.begin; c < columns.end; ++c) {
        const i64 pixel = r * g.w + c;
        keep_larger(image[pixel], static_cast<std::uint32_t>(pixel), top, best);
      }
    }
    y[j] = top;
    if (recording) winners.put(out + j, best);
  };
  with_stride(g.o.stride, [&](auto stride) {
    g.for_row(at_edge, [&](i64 first, i64 count, i64 column) {
      T top[Geometry::kRun];
      std::uint32_t best[Geometry::kRun];
      const i64 corner = rows.begin * g.w + column;
      for (i64 n = 0; n < count; ++n) {
        top[n] = image[corner + n * stride];
        best[n] = static_cast<std::uint32_t>(corner + n * stride);
      }
      for (i64 r = rows.begin; r < rows.end; ++r) {
        for (i64 k = 0; k < g.o.kernel; ++k) {
          const i64 pixel = r * g.w + column + k;
          const T* from = image + pixel;
          for (i64 n = 0; n < count; ++n) {
            keep_larger(from[n * stride], static_cast<std::uint32_t>(pixel) + static_cast<std::uint32_t>(n * stride),
                        top[n], best[n]);
          }
        }
      }
      std::copy_n(top, count, y + first);
      for (i64 n = 0; recording && n < count; ++n) winners.put(out + first + n, best[n]);
    });
  });
}

// Windows as filters of a depthwise convolution, for the fast float kernels. The code here is the definition, and runs
// everything else.
kernels::ConvShape as_convolution(const Geometry& g) {
  kernels::ConvShape s{g.input[0], g.input[1], g.h, g.w, g.input[1], g.o.kernel, g.o.kernel};
  s.stride_h = s.stride_w = g.o.stride;
  s.pad_h = s.pad_w = g.o.pad;
  s.groups = s.channels;
  s.ceil = g.o.ceil;
  return s;
}
bool is_fast(const Geometry& g, DType dtype) {
  return dtype == DType::kF32 && g.planes > 0 && g.o.stride <= 2 && kernels::conv::window_max::runs(as_convolution(g));
}

}  // namespace

// y = x at the first largest pixel of the window; NaN wins, so that it is seen. dx = dy there.
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options) {
  const Geometry g("max_pool2d", x, options);
  if (g.h * g.w > i64{UINT32_MAX}) ops::throw_shape("max_pool2d", "planes of fewer than 2^32 pixels", x.shape().str());
  const Tensor input = x.contiguous();
  Tensor y = Tensor::empty(g.result(), x.dtype());
  const bool recording = will_record({x});
  if (!g.two_by_two() && is_fast(g, x.dtype())) {
    const ops::SavedBytes winners(recording ? y.numel() : 0);
    kernels::conv::window_max::forward(as_convolution(g), input.data<float>(), y.data<float>(),
                                       recording ? winners.data() : nullptr);
    return record("max_pool2d", std::move(y), {x}, [g, winners](const Tensor& dy) {
      const Tensor dense = dy.contiguous(), dx = Tensor::empty(g.input, dy.dtype());
      kernels::conv::window_max::backward(as_convolution(g), dense.data<float>(), winners.data(), dx.data<float>());
      return std::vector<Tensor>{dx};
    });
  }
  const Winners winners(recording ? y.numel() : 0);
  const auto seats = winners.view();
  dispatch(x.dtype(), "max_pool2d", [&](auto zero) {
    using T = decltype(zero);
    const T* from = input.data<T>();
    T* to = y.data<T>();
    g.for_planes([&](i64 plane) {
      const T* image = from + plane * g.h * g.w;
      if (g.two_by_two()) {
        for (i64 i = 0; i < g.p; ++i) {
          const i64 out = (plane * g.p + i) * g.q;
          recording ? max_row_2x2<true>(image, 2 * i * g.w, g.w, g.q, to + out, seats, out)
                    : max_row_2x2<false>(image, 2 * i * g.w, g.w, g.q, to + out, seats, out);
        }
        return;
      }
      for (i64 i = 0; i < g.p; ++i)
        max_row(g, image, i, to + (plane * g.p + i) * g.q, recording, seats, (plane * g.p + i) * g.q);
    });
  });
  return record("max_pool2d", std::move(y), {x}, [g, winners](const Tensor& dy) {
    const Tensor dense = dy.contiguous(), dx = Tensor::empty(g.input, dy.dtype());
    const auto chosen = winners.view();
    dispatch(dy.dtype(), "max_pool2d", [&](auto zero) {
      using T = decltype(zero);
      const T* from = dense.data<T>();
      T* to = dx.data<T>();
      g.for_planes([&](i64 plane) {
        T* image = to + plane * g.h * g.w;
        if (g.two_by_two()) {
          if (g.h % 2 != 0 || g.w % 2 != 0) std::fill_n(image, g.h * g.w, T(0));
          for (i64 i = 0; i < g.p; ++i) {
            const i64 out = (plane * g.p + i) * g.q;
            max_row_2x2_backward(from + out, chosen, out, 2 * i * g.w, g.w, g.q, image);
          }
          return;
        }
        std::fill_n(image, g.h * g.w, T(0));
        for (i64 i = plane * g.p * g.q; i < (plane + 1) * g.p * g.q; ++i) image[chosen.get(i)] += from[i];
      });
    });
    return std::vector<Tensor>{dx};
  });
}

namespace {

// Cells of a window that an average counts: pixels of the image, or all cells within the padding.
struct Cells {
  bool padding;
  i64 operator()(Geometry::Range r) const { return padding ? r.padded : r.end - r.begin; }
  i64 operator()(Geometry::Range rows, Geometry::Range columns) const { return (*this)(rows) * (*this)(columns); }
};

// to = from / cells, over planes of results.
void divide_by_cells(const Geometry& g, const Cells& cells, const float* from, float* to) {
  std::vector<float> columns;
  for (i64 j = 0; j < g.q; ++j) columns.push_back(static_cast<float>(cells(g.range(j, g.w))));
  g.for_planes([&](i64 plane) {
    for (i64 i = plane * g.p; i < (plane + 1) * g.p; ++i) {
      const float rows = static_cast<float>(cells(g.range(i - plane * g.p, g.h)));
      const float* a = from + i * g.q;
      float* b = to + i * g.q;
      for (i64 j = 0; j < g.q; ++j) b[j] = a[j] / (rows * columns[static_cast<std::size_t>(j)]);
    }
  });
}

// Sums over windows are depthwise convolutions whose weights are 1.
std::vector<float> ones(const Geometry& g) {
  return std::vector<float>(static_cast<std::size_t>(g.input[1] * g.o.kernel * g.o.kernel), 1.0f);
}

}  // namespace

// y = sum over the window / cells;  dx = sum over the windows that hold the pixel of dy / cells
Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options) {
  const Geometry g("avg_pool2d", x, options);
  const Tensor input = x.contiguous();
  Tensor y = Tensor::empty(g.result(), x.dtype());
  const Cells cells{options.count_padding};
  const bool fast = is_fast(g, x.dtype());
  if (fast) {
    kernels::conv::depthwise::forward(as_convolution(g), input.data<float>(), ones(g).data(), nullptr, y.data<float>());
    divide_by_cells(g, cells, y.data<float>(), y.data<float>());
  }
  if (!fast)
    dispatch(x.dtype(), "avg_pool2d", [&](auto zero) {
      using T = decltype(zero);
      const T* from = input.data<T>();
      T* to = y.data<T>();
      g.for_planes([&](i64 plane) {
        const T* image = from + plane * g.h * g.w;
        for (i64 i = 0; i < g.p; ++i) {
          T* row = to + (plane * g.p + i) * g.q;
          const Geometry::Range rows = g.range(i, g.h);
          const auto at_edge = [&](i64 j, Geometry::Range columns) {
            T total = 0;
            for (i64 r = rows.begin; r < rows.end; ++r) {
              for (i64 c = columns.begin; c < columns.end; ++c) total += image[r * g.w + c];
            }
            row[j] = total / static_cast<T>(cells(rows, columns));
          };
          with_stride(g.o.stride, [&](auto stride) {
            g.for_row(at_edge, [&](i64 first, i64 count, i64 column) {
              T total[Geometry::kRun] = {};
              for (i64 r = rows.begin; r < rows.end; ++r) {
                for (i64 k = 0; k < g.o.kernel; ++k) {
                  const T* pixels = image + r * g.w + column + k;
                  for (i64 n = 0; n < count; ++n) total[n] += pixels[n * stride];
                }
              }
              const T size = static_cast<T>(cells(rows, {0, g.o.kernel, g.o.kernel}));
              for (i64 n = 0; n < count; ++n) row[first + n] = total[n] / size;
            });
          });
        }
      });
    });
  return record("avg_pool2d", std::move(y), {x}, [g, cells, fast](const Tensor& dy) {
    const Tensor dense = dy.contiguous(), dx = Tensor::empty(g.input, dy.dtype());
    if (fast) {
      const Tensor shares = Tensor::empty(dy.shape(), dy.dtype());
      divide_by_cells(g, cells, dense.data<float>(), shares.data<float>());
      kernels::conv::depthwise::backward_data(as_convolution(g), shares.data<float>(), ones(g).data(),
                                              dx.data<float>());
      return std::vector<Tensor>{dx};
    }
    dispatch(dy.dtype(), "avg_pool2d", [&](auto zero) {
      using T = decltype(zero);
      const T* from = dense.data<T>();
      T* to = dx.data<T>();
      g.for_planes([&](i64 plane) {
        T* image = to + plane * g.h * g.w;
        std::fill_n(image, g.h * g.w, T(0));
        for (i64 i = 0; i < g.p; ++i) {
          const T* row = from + (plane * g.p + i) * g.q;
          const Geometry::Range rows = g.range(i, g.h);
          const auto at_edge = [&](i64 j, Geometry::Range columns) {
            const T share = row[j] / static_cast<T>(cells(rows, columns));
            for (i64 r = rows.begin; r < rows.end; ++r) {
              for (i64 c = columns.begin; c < columns.end; ++c) image[r * g.w + c] += share;
            }
          };
          with_stride(g.o.stride, [&](auto stride) {
            g.for_row(at_edge, [&](i64 first, i64 count, i64 column) {
              T share[Geometry::kRun];
              const T size = static_cast<T>(cells(rows, {0, g.o.kernel, g.o.kernel}));
              for (i64 n = 0; n < count; ++n) share[n] = row[first + n] / size;
              for (i64 r = rows.begin; r < rows.end; ++r) {
                for (i64 k = 0; k < g.o.kernel; ++k) {
                  T* pixels = image + r * g.w + column + k;
                  for (i64 n = 0; n < count; ++n) pixels[n * stride] += share[n];
                }
              }
            });
          });
        }
      });
    });
    return std::vector<Tensor>{dx};
  });
}

Tensor global_avg_pool(const Tensor& x) {
  ops::check_floating("global_avg_pool", x);
  ops::check_rank("global_avg_pool", "x", x, 4);
  if (x.size(2) * x.size(3) < 1) ops::throw_shape("global_avg_pool", "planes of at least one pixel", x.shape().str());
  return mean(x, {2, 3}, true);
}

}  // namespace tern
