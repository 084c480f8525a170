// Operations that move elements: reshape, permute, slice, concat, pad. None computes; each backward moves them back.
#include <algorithm>
#include <vector>

#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

using i64 = std::int64_t;

// The part [begin, end) step `step` of one dimension, as a view. Bounds are the caller's business.
Tensor part_of(const Tensor& x, int dim, i64 begin, i64 end, i64 step = 1) {
  std::vector<i64> strides(x.strides().begin(), x.strides().end());
  const i64 extent = end > begin ? (end - begin + step - 1) / step : 0;
  const i64 offset = extent > 0 ? begin * strides[static_cast<std::size_t>(dim)] : 0;
  strides[static_cast<std::size_t>(dim)] *= step;
  return x.strided_view(x.shape().with(dim, extent), strides, offset);
}

// rows x count elements between two matrices whose rows lie ld_from and ld_to apart.
template <class T>
void copy_rows(i64 rows, i64 count, const T* from, i64 ld_from, T* to, i64 ld_to) {
  parallel_ranges(rows, std::max<i64>(1, ops::kGrain / std::max<i64>(1, count)), [&](i64 begin, i64 end) {
    for (i64 r = begin; r < end; ++r) std::copy_n(from + r * ld_from, count, to + r * ld_to);
  });
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  ops::check_floating("reshape", x);
  if (shape.numel() != x.numel()) {
    ops::throw_shape("reshape", "a shape of " + std::to_string(x.numel()) + " elements for " + x.shape().str(),
                     shape.str());
  }
  return record("reshape", x.view(shape), {x},
                [before = x.shape()](const Tensor& dy) { return std::vector<Tensor>{dy.view(before)}; });
}

Tensor flatten(const Tensor& x) {
  ops::check_floating("flatten", x);
  if (x.shape().rank() < 1) ops::throw_shape("flatten", "x of rank >= 1", x.shape().str());
  i64 rest = 1;
  for (int d = 1; d < x.shape().rank(); ++d) rest *= x.size(d);
  return reshape(x, Shape{x.size(0), rest});
}

Tensor permute(const Tensor& x, std::vector<int> order) {
  ops::check_floating("permute", x);
  const int rank = x.shape().rank();
  std::vector<i64> extents, strides;
  std::vector<int> inverse(static_cast<std::size_t>(rank), -1);
  if (static_cast<int>(order.size()) != rank) {
    ops::throw_shape("permute", "one entry a dimension of " + x.shape().str(), std::to_string(order.size()));
  }
  for (int to = 0; to < rank; ++to) {
    const int from = ops::checked_dim("permute", x, order[static_cast<std::size_t>(to)]);
    if (inverse[static_cast<std::size_t>(from)] != -1) {
      ops::throw_value("permute", "each dimension once", std::to_string(from) + " again");
    }
    inverse[static_cast<std::size_t>(from)] = to;
    extents.push_back(x.size(from));
    strides.push_back(x.strides()[static_cast<std::size_t>(from)]);
  }
  Tensor y = x.strided_view(Shape(std::span<const i64>(extents)), strides);
  return record("permute", std::move(y), {x},
                [inverse](const Tensor& dy) { return std::vector<Tensor>{permute(dy, inverse)}; });
}

Tensor transpose(const Tensor& x) {
  ops::check_floating("transpose", x);
  ops::check_rank("transpose", "x", x, 2);
  return permute(x, {1, 0});
}

Tensor slice(const Tensor& x, int dim, std::int64_t begin, std::int64_t end, std::int64_t step) {
  ops::check_floating("slice", x);
  const int d = ops::checked_dim("slice", x, dim);
  if (begin < 0 || end < begin || end > x.size(d)) {
    ops::throw_shape("slice", "0 <= begin <= end <= " + std::to_string(x.size(d)),
                     std::to_string(begin) + " and " + std::to_string(end));
  }
  if (step < 1) ops::throw_value("slice", "step >= 1", std::to_string(step));
  return record("slice", part_of(x, d, begin, end, step), {x}, [=, shape = x.shape()](const Tensor& dy) {
    const Tensor dx = Tensor::zeros(shape, dy.dtype());
    part_of(dx, d, begin, end, step).copy_from(dy);
    return std::vector<Tensor>{dx};
  });
}

Tensor concat(const std::vector<Tensor>& parts, int dim) {
  if (parts.empty()) ops::throw_value("concat", "at least one tensor", "none");
  ops::check_floating("concat", parts[0]);
  const int d = ops::checked_dim("concat", parts[0], dim);
  i64 total = 0, outer = 1, inner = 1;
  std::vector<i64> extents;
  for (const Tensor& t : parts) {
    ops::check_same_dtype("concat", parts[0], t);
    if (t.shape().rank() != parts[0].shape().rank() || !(t.shape().with(d, 1) == parts[0].shape().with(d, 1))) {
      ops::throw_shape("concat", "shapes that agree but along dimension " + std::to_string(d),
                       parts[0].shape().str() + " and " + t.shape().str());
    }
    extents.push_back(t.size(d));
    total += t.size(d);
  }
  for (int k = 0; k < parts[0].shape().rank(); ++k) (k < d ? outer : inner) *= k == d ? 1 : parts[0].size(k);
  Tensor y = Tensor::empty(parts[0].shape().with(d, total), parts[0].dtype());
  dispatch(y.dtype(), "concat", [&](auto zero) {
    using T = decltype(zero);
    i64 at = 0;
    for (const Tensor& t : parts) {
      const Tensor from = t.contiguous();
      const i64 run = t.size(d) * inner;
      copy_rows(outer, run, from.data<T>(), run, y.data<T>() + at, total * inner);
      at += run;
    }
  });
  std::vector<bool> needed;
  for (const Tensor& t : parts) needed.push_back(t.requires_grad());
  return record("concat", std::move(y), parts, [=](const Tensor& dy) {
    const Tensor g = dy.contiguous();
    std::vector<Tensor> out(extents.size());
    dispatch(dy.dtype(), "concat", [&](auto zero) {
      using T = decltype(zero);
      i64 at = 0;
      for (std::size_t i = 0; i < extents.size(); at += extents[i++] * inner) {
        if (!needed[i]) continue;
        out[i] = Tensor::empty(dy.shape().with(d, extents[i]), dy.dtype());
        copy_rows(outer, extents[i] * inner, g.data<T>() + at, total * inner, out[i].template data<T>(),
                  extents[i] * inner);
      }
    });
    return out;
  });
}

Tensor pad(const Tensor& x, int dim, std::int64_t before, std::int64_t after, double value) {
  ops::check_floating("pad", x);
  const int d = ops::checked_dim("pad", x, dim);
  if (before < 0 || after < 0) {
    ops::throw_value("pad", "before and after >= 0", std::to_string(before) + " and " + std::to_string(after));
  }
  const i64 extent = x.size(d);
  Tensor y = Tensor::full(x.shape().with(d, before + extent + after), value, x.dtype());
  part_of(y, d, before, before + extent).copy_from(x);
  return record("pad", std::move(y), {x}, [=](const Tensor& dy) {
    return std::vector<Tensor>{part_of(dy, d, before, before + extent).contiguous()};
  });
}

namespace {

// small [n][front + c + back][p][q] and large [n][c][h][w]: f(row of small, row of large or null in a padding channel).
template <class T, class F>
void for_each_shortcut_row(const Shape& small, const Shape& large, i64 stride, i64 front, T* s, T* l, F f) {
  const i64 channels = small[1], p = small[2], q = small[3];
  const i64 inner = large[1], height = large[2], width = large[3];
  parallel_ranges(small[0] * channels, std::max<i64>(1, ops::kGrain / std::max<i64>(1, p * q)),
                  [&](i64 begin, i64 end) {
                    for (i64 i = begin; i < end; ++i) {
                      const i64 c = i % channels - front;
                      const bool padding = c < 0 || c >= inner;
                      for (i64 row = 0; row < p; ++row) {
                        T* from = padding ? nullptr : l + ((i / channels * inner + c) * height + row * stride) * width;
                        f(s + (i * p + row) * q, from);
                      }
                    }
                  });
}

}  // namespace

// y[n, front + c, p, q] = x[n, c, p * stride, q * stride], zero in the other channels
Tensor shortcut_pad(const Tensor& x, std::int64_t stride, std::int64_t front, std::int64_t back) {
  ops::check_floating("shortcut_pad", x);
  ops::check_rank("shortcut_pad", "x", x, 4);
  if (stride < 1 || front < 0 || back < 0 || std::max({stride, front, back}) > ops::kMaxAttribute) {
    ops::throw_value("shortcut_pad",
                     "stride >= 1, front and back >= 0, none above " + std::to_string(ops::kMaxAttribute),
                     std::to_string(stride) + ", " + std::to_string(front) + " and " + std::to_string(back));
  }
  const Shape large = x.shape();
  const Shape small{large[0], front + large[1] + back, (large[2] + stride - 1) / stride,
                    (large[3] + stride - 1) / stride};
  const i64 width = small[3];
  const Tensor input = x.contiguous();
  Tensor y = Tensor::empty(small, x.dtype());
  dispatch(x.dtype(), "shortcut_pad", [&](auto zero) {
    using T = decltype(zero);
    for_each_shortcut_row(small, large, stride, front, y.data<T>(), input.data<T>(), [&](T* to, const T* from) {
      if (from) {
        for (i64 q = 0; q < width; ++q) to[q] = from[q * stride];
      } else {
        std::fill_n(to, width, T(0));
      }
    });
  });
  return record("shortcut_pad", std::move(y), {x}, [=](const Tensor& dy) {
    const Tensor g = dy.contiguous(), dx = Tensor::zeros(large, dy.dtype());
    dispatch(dy.dtype(), "shortcut_pad", [&](auto zero) {
      using T = decltype(zero);
      for_each_shortcut_row(small, large, stride, front, g.data<T>(), dx.data<T>(), [&](const T* from, T* to) {
        for (i64 q = 0; to && q < width; ++q) to[q * stride] = from[q];
      });
    });
    return std::vector<Tensor>{dx};
  });
}

}  // namespace tern
