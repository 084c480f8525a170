// Reductions: sum and mean over any dimensions, max over one. Sums run in a fixed order: pieces of the reduced
// elements, cut by the shape alone, are added in double, then the pieces in order.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/buffer.hpp"
#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

using i64 = std::int64_t;
constexpr i64 kPiece = i64{1} << 15;  // reduced elements a piece
constexpr i64 kTile = 512;            // neighbouring results that are summed together

// Merged dimensions of one kind (kept or reduced), outermost first, with their strides in the contiguous input.
struct Axes {
  int rank = 0;
  std::array<i64, Shape::kMaxRank> extent{}, stride{};
  i64 count = 1;

  // Merges with the dimension added last if that one is its direct outer neighbour in the input.
  void add(i64 e, i64 s, bool neighbour) {
    count *= e;
    if (neighbour && rank > 0) {
      extent[static_cast<std::size_t>(rank - 1)] *= e;
      stride[static_cast<std::size_t>(rank - 1)] = s;
    } else {
      extent[static_cast<std::size_t>(rank)] = e;
      stride[static_cast<std::size_t>(rank++)] = s;
    }
  }

  // Calls f(offset, count) for runs of the innermost axis that cover [begin, end).
  template <class F>
  void runs(i64 begin, i64 end, F&& f) const {
    if (rank == 0) {
      if (begin < end) f(i64{0}, i64{1});
      return;
    }
    const auto last = static_cast<std::size_t>(rank - 1);
    for (i64 i = begin; i < end;) {
      i64 rest = i, offset = 0, within = 0;
      for (std::size_t d = last + 1; d-- > 0;) {
        const i64 index = rest % extent[d];
        rest /= extent[d];
        if (d == last) within = index;
        offset += index * stride[d];
      }
      const i64 n = std::min(extent[last] - within, end - i);
      f(offset, n);
      i += n;
    }
  }
};

struct Layout {
  Axes kept, reduced;
  bool reduce_inner = false;  // the innermost dimension is a reduced one
  Shape result, result_keeping_dims;
};

Layout layout_of(std::string_view op, const Tensor& x, const std::vector<int>& dims) {
  const int rank = x.shape().rank();
  std::array<bool, Shape::kMaxRank> reduced{};
  for (int d : dims) {
    const auto k = static_cast<std::size_t>(ops::checked_dim(op, x, d));
    if (reduced[k]) ops::throw_value(op, "each dimension once", std::to_string(d) + " again");
    reduced[k] = true;
  }
  if (dims.empty()) reduced.fill(true);
  Layout out;
  std::vector<i64> kept_extents, all_extents;
  i64 stride = x.numel();
  int before = -1;  // kind of the last dimension added: 0 kept, 1 reduced
  for (int d = 0; d < rank; ++d) {
    const bool r = reduced[static_cast<std::size_t>(d)];
    const i64 e = x.size(d);
    if (!r) kept_extents.push_back(e);
    all_extents.push_back(r ? 1 : e);
    if (stride > 0) stride /= e;
    if (e == 1) continue;
    (r ? out.reduced : out.kept).add(e, stride, before == (r ? 1 : 0));
    before = r ? 1 : 0;
  }
  out.reduce_inner = before == 1;
  out.result = Shape(std::span<const i64>(kept_extents));
  out.result_keeping_dims = Shape(std::span<const i64>(all_extents));
  return out;
}

// Eight lanes, so that the additions do not wait for each other.
template <class T>
double sum_run(const T* x, i64 n) {
  std::array<double, 8> lane{};
  i64 i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::size_t l = 0; l < 8; ++l) lane[l] += static_cast<double>(x[i + static_cast<i64>(l)]);
  }
  double total = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
  for (; i < n; ++i) total += static_cast<double>(x[i]);
  return total;
}

// sums[piece * kept + o] over reduced elements [piece * kPiece, ...).
template <class T>
void sum_pieces(const Layout& l, i64 pieces, const T* x, double* sums) {
  const i64 tile = l.reduce_inner ? 1 : kTile;
  const i64 per_piece = std::max<i64>(1, (l.reduced.count + pieces - 1) / pieces);
  // Several results a chunk where each one alone would be too little work for a thread.
  const i64 tiles = (l.kept.count + tile - 1) / tile;
  const i64 grain = std::max<i64>(1, kPiece / std::max<i64>(1, tile * std::min(per_piece, l.reduced.count)));
  parallel_ranges(pieces * tiles, grain, [&](i64 begin, i64 end) {
    for (i64 task = begin; task < end; ++task) {
      const i64 piece = task / tiles, first = task % tiles * tile, last = std::min(first + tile, l.kept.count);
      const i64 r0 = std::min(piece * per_piece, l.reduced.count), r1 = std::min(r0 + per_piece, l.reduced.count);
      double* to = sums + piece * l.kept.count;
      i64 o = first;
      l.kept.runs(first, last, [&](i64 offset, i64 n) {
        const T* from = x + offset;
        if (l.reduce_inner) {
          const i64 step = l.kept.rank == 0 ? 0 : l.kept.stride[static_cast<std::size_t>(l.kept.rank - 1)];
          for (i64 j = 0; j < n; ++j) {
            double total = 0;
            l.reduced.runs(r0, r1, [&](i64 at, i64 m) { total += sum_run(from + j * step + at, m); });
            to[o + j] = total;
          }
        } else {
          std::fill_n(to + o, n, 0.0);
          l.reduced.runs(r0, r1, [&](i64 at, i64 m) {
            const i64 step = l.reduced.rank == 0 ? 0 : l.reduced.stride[static_cast<std::size_t>(l.reduced.rank - 1)];
            for (i64 k = 0; k < m; ++k) {
              const T* row = from + at + k * step;
              for (i64 j = 0; j < n; ++j) to[o + j] += static_cast<double>(row[j]);
            }
          });
        }
        o += n;
      });
    }
  });
}

Tensor reduce(std::string_view op, const Tensor& x, const std::vector<int>& dims, bool keep_dims, bool average) {
  ops::check_floating(op, x);
  const Layout l = layout_of(op, x, dims);
  const Tensor input = x.contiguous();
  Tensor y = Tensor::empty(keep_dims ? l.result_keeping_dims : l.result, x.dtype());
  const double factor = average ? 1.0 / static_cast<double>(l.reduced.count) : 1.0;
  const i64 pieces =
      std::clamp<i64>(l.reduced.count / kPiece, 1, std::max<i64>(1, 64 / std::max<i64>(1, l.kept.count / 16)));
  const Tensor sums = Tensor::empty(Shape{pieces, l.kept.count}, DType::kF64);
  double* s = sums.data<double>();
  dispatch(x.dtype(), op, [&](auto zero) {
    using T = decltype(zero);
    sum_pieces(l, pieces, input.data<T>(), s);
    T* out = y.data<T>();
    for (i64 o = 0; o < l.kept.count; ++o) {
      double total = s[o];
      for (i64 piece = 1; piece < pieces; ++piece) total += s[piece * l.kept.count + o];
      out[o] = static_cast<T>(average ? total * factor : total);
    }
  });
  // dx = dy, stretched back (over the count, for the mean)
  return record(op, std::move(y), {x},
                [average, factor, shape = x.shape(), small = l.result_keeping_dims](const Tensor& dy) {
                  const Tensor g = dy.view(small);
                  return std::vector<Tensor>{add(average ? scale(g, factor) : g, Tensor::zeros(shape, dy.dtype()))};
                });
}

}  // namespace

Tensor sum(const Tensor& x, std::vector<int> dims, bool keep_dims) { return reduce("sum", x, dims, keep_dims, false); }
Tensor mean(const Tensor& x, std::vector<int> dims, bool keep_dims) { return reduce("mean", x, dims, keep_dims, true); }

// y = x[arg], arg the lowest index of the largest element; dx[arg] = dy, 0 elsewhere. NaN wins, so that it is seen.
Tensor max(const Tensor& x, int dim, bool keep_dims) {
  ops::check_floating("max", x);
  const int d = ops::checked_dim("max", x, dim);
  const i64 length = x.size(d);
  if (length == 0) ops::throw_shape("max", "at least one element along the dimension", x.shape().str());
  i64 outer = 1, inner = 1;
  std::vector<i64> extents;
  for (int k = 0; k < x.shape().rank(); ++k) {
    if (k < d) outer *= x.size(k);
    if (k > d) inner *= x.size(k);
    if (k != d || keep_dims) extents.push_back(k == d ? 1 : x.size(k));
  }
  const Tensor input = x.contiguous();
  Tensor y = Tensor::empty(Shape(std::span<const i64>(extents)), x.dtype());
  const Tensor arg = Tensor::empty(y.shape(), DType::kI64);
  dispatch(x.dtype(), "max", [&](auto zero) {
    using T = decltype(zero);
    const T* from = input.data<T>();
    T* best = y.data<T>();
    i64* at = arg.data<i64>();
    parallel_ranges(outer * inner, std::max<i64>(1, ops::kGrain / length), [&](i64 begin, i64 end) {
      for (i64 i = begin; i < end; ++i) {
        const T* row = from + i / inner * length * inner + i % inner;
        i64 win = 0;
        for (i64 k = 1; k < length; ++k) {
          const T v = row[k * inner], b = row[win * inner];
          if (v > b || (v != v && b == b)) win = k;
        }
        best[i] = row[win * inner];
        at[i] = win;
      }
    });
  });
  return record("max", std::move(y), {x}, [arg, length, outer, inner, shape = x.shape()](const Tensor& dy) {
    const Tensor g = dy.contiguous(), dx = Tensor::zeros(shape, dy.dtype());
    dispatch(dy.dtype(), "max", [&](auto zero) {
      using T = decltype(zero);
      const T* from = g.data<T>();
      T* to = dx.data<T>();
      const i64* at = arg.data<i64>();
      for (i64 i = 0; i < outer * inner; ++i) to[(i / inner * length + at[i]) * inner + i % inner] = from[i];
    });
    return std::vector<Tensor>{dx};
  });
}

}  // namespace tern
