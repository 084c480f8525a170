// weighted_sum: y = sum_k w_k x_k, the sum of a mixed operation in architecture search.
//   dx_k = w_k dy,   dw_k = sum over all elements of dy x_k
#include <algorithm>
#include <vector>

#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

using i64 = std::int64_t;

// sum of a[i] b[i] in double. Eight running sums, so that the compiler may use vectors without changing the order.
template <class T>
double dot(const T* a, const T* b, i64 n) {
  constexpr i64 kLanes = 8;
  double lanes[kLanes] = {};
  i64 i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (i64 j = 0; j < kLanes; ++j) lanes[j] += static_cast<double>(a[i + j]) * static_cast<double>(b[i + j]);
  }
  double total = 0;
  for (; i < n; ++i) total += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  for (const double lane : lanes) total += lane;
  return total;
}

template <class T>
void add_scaled(const std::vector<const T*>& from, const T* w, T* y, i64 begin, i64 end) {
  for (i64 i = begin; i < end; ++i) y[i] = w[0] * from[0][i];
  for (std::size_t k = 1; k < from.size(); ++k) {
    const T* x = from[k];
    for (i64 i = begin; i < end; ++i) y[i] += w[k] * x[i];
  }
}

template <class T>
std::vector<const T*> pointers(const std::vector<Tensor>& xs) {
  std::vector<const T*> out;
  for (const Tensor& x : xs) out.push_back(x.data<T>());
  return out;
}

// Partial sums a chunk of elements, added in the order of the chunks.
template <class T>
Tensor weight_gradient(const std::vector<Tensor>& xs, const Tensor& dy) {
  const std::vector<const T*> from = pointers<T>(xs);
  const i64 n = dy.numel(), chunks = (n + ops::kGrain - 1) / ops::kGrain;
  std::vector<double> partial(static_cast<std::size_t>(chunks) * xs.size());
  parallel_for(chunks, [&](i64 c) {
    const i64 begin = c * ops::kGrain, count = std::min(ops::kGrain, n - begin);
    for (std::size_t k = 0; k < xs.size(); ++k) {
      partial[static_cast<std::size_t>(c) * xs.size() + k] = dot(from[k] + begin, dy.data<T>() + begin, count);
    }
  });
  Tensor dw = Tensor::zeros(Shape{static_cast<i64>(xs.size())}, dy.dtype());
  for (std::size_t k = 0; k < xs.size(); ++k) {
    double total = 0;
    for (i64 c = 0; c < chunks; ++c) total += partial[static_cast<std::size_t>(c) * xs.size() + k];
    dw.data<T>()[k] = static_cast<T>(total);
  }
  return dw;
}

}  // namespace

Tensor weighted_sum(const std::vector<Tensor>& xs, const Tensor& w) {
  if (xs.empty()) ops::throw_value("weighted_sum", "at least one summand", "none");
  ops::check_floating("weighted_sum", xs[0]);
  ops::check_same_dtype("weighted_sum", xs[0], w);
  ops::check_shape("weighted_sum", "w", w, Shape{static_cast<i64>(xs.size())});
  std::vector<Tensor> summands;
  for (const Tensor& x : xs) {
    ops::check_same_dtype("weighted_sum", xs[0], x);
    ops::check_shape("weighted_sum", "x", x, xs[0].shape());
    summands.push_back(x.contiguous());
  }
  const Tensor weights = w.contiguous().detach();
  Tensor y = Tensor::empty(xs[0].shape(), xs[0].dtype());
  dispatch(y.dtype(), "weighted_sum", [&](auto zero) {
    using T = decltype(zero);
    const std::vector<const T*> from = pointers<T>(summands);
    parallel_ranges(y.numel(), ops::kGrain,
                    [&](i64 begin, i64 end) { add_scaled(from, weights.data<T>(), y.data<T>(), begin, end); });
  });

  std::vector<Tensor> inputs = xs;
  inputs.push_back(w);
  std::vector<bool> needs;
  for (const Tensor& x : xs) needs.push_back(x.requires_grad());
  if (!w.requires_grad()) summands.clear();  // only dw reads them
  return record("weighted_sum", std::move(y), inputs, [=](const Tensor& dy) {
    const Tensor g = dy.contiguous();
    std::vector<Tensor> out(needs.size() + 1);
    dispatch(g.dtype(), "weighted_sum", [&](auto zero) {
      using T = decltype(zero);
      if (!summands.empty()) out.back() = weight_gradient<T>(summands, g);
      for (std::size_t k = 0; k < needs.size(); ++k) {
        if (!needs[k]) continue;
        out[k] = Tensor::empty(g.shape(), g.dtype());
        T* dx = out[k].template data<T>();
        const T* from = g.data<T>();
        const T factor = weights.data<T>()[k];
        parallel_ranges(g.numel(), ops::kGrain, [&](i64 begin, i64 end) {
          for (i64 i = begin; i < end; ++i) dx[i] = factor * from[i];
        });
      }
    });
    return out;
  });
}

}  // namespace tern
