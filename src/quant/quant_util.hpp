// Shared by the methods: groups of weights, statistics, elementwise loops. Statistics are sums in double in a fixed order;
// elementwise work runs in fixed chunks, so results do not depend on the number of threads.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"
#include "tern/quant.hpp"

namespace tern {

/// Weights in groups that share statistics: one group a tensor, or one a filter (output channel).
struct Groups {
  std::int64_t count = 1;
  std::int64_t size = 0;  ///< elements a group, consecutive
};
/// Reads group=layer|filter. Errors: ValueError.
inline bool per_filter(const QuantSpec& spec, bool fallback) {
  const std::string group = spec.text("group", fallback ? "filter" : "layer");
  if (group != "layer" && group != "filter") {
    throw ValueError("[" + spec.key + "] expected group=layer or group=filter; got \"" + group + "\"");
  }
  return group == "filter";
}
inline Groups groups_of(const Shape& shape, bool filters) {
  const std::int64_t count = filters && shape.rank() > 0 ? shape[0] : 1;
  return {count, count > 0 ? shape.numel() / count : 0};
}

template <class T>
double sum_abs(const T* x, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += std::abs(static_cast<double>(x[i]));
  return sum;
}
template <class T>
T mean_abs(const T* x, std::int64_t n) {
  return n > 0 ? static_cast<T>(sum_abs(x, n) / static_cast<double>(n)) : T(0);
}
/// Mean of |x| over a large tensor, in chunks on all threads, added in order.
template <class T>
double mean_abs_parallel(const T* x, std::int64_t n) {
  constexpr std::int64_t kChunk = 1 << 15;
  const std::int64_t chunks = (n + kChunk - 1) / kChunk;
  std::vector<double> partial(static_cast<std::size_t>(chunks));
  parallel_for(chunks, [&](std::int64_t c) {
    partial[static_cast<std::size_t>(c)] = sum_abs(x + c * kChunk, std::min(kChunk, n - c * kChunk));
  });
  double sum = 0;
  for (const double p : partial) sum += p;
  return n > 0 ? sum / static_cast<double>(n) : 0.0;
}

/// y[i] = f(x[i]) on all threads.
template <class T, class F>
Tensor map(const Tensor& x, F&& f) {
  const Tensor dense = x.contiguous();
  const Tensor y = Tensor::empty(x.shape(), x.dtype());
  const T* from = dense.data<T>();
  T* to = y.data<T>();
  parallel_ranges(x.numel(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) to[i] = f(from[i]);
  });
  return y;
}
/// y[i] = f(a[i], b[i]) on all threads.
template <class T, class F>
Tensor map2(const Tensor& a, const Tensor& b, F&& f) {
  const Tensor da = a.contiguous(), db = b.contiguous();
  const Tensor y = Tensor::empty(a.shape(), a.dtype());
  const T* p = da.data<T>();
  const T* q = db.data<T>();
  T* to = y.data<T>();
  parallel_ranges(a.numel(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) to[i] = f(p[i], q[i]);
  });
  return y;
}

/// +1 above t, -1 below -t, else 0: strict outward.
template <class T>
T ternary_sign(T x, T t) {
  return static_cast<T>((x > t) - (x < -t));
}
/// Round to nearest, ties to even (the rounding mode that every thread starts in).
template <class T>
T rne(T x) {
  return std::nearbyint(x);
}
template <class T>
T clip(T x, T lo, T hi) {
  return x < lo ? lo : (x > hi ? hi : x);
}

/// (w - mean) / std over the layer, std unbiased; both are constants of the gradient, so dw = dx * inverse_std. A layer
/// without spread becomes 0; one of a single weight stays as it is.
template <class T>
Tensor normalise_weights(const Tensor& w, T& inverse_std) {
  const Tensor dense = w.contiguous();
  inverse_std = 1;
  if (w.numel() < 2) return dense;
  const auto n = static_cast<double>(w.numel());
  double sum = 0, squares = 0;
  for (const T v : dense.span<T>()) sum += static_cast<double>(v);
  const double mean = sum / n;
  for (const T v : dense.span<T>()) squares += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
  const double std = std::sqrt(squares / (n - 1));
  if (std == 0) return Tensor::zeros(w.shape(), w.dtype());
  inverse_std = static_cast<T>(1 / std);
  const T m = static_cast<T>(mean), s = static_cast<T>(std);
  return map<T>(dense, [=](T v) { return (v - m) / s; });
}

/// A leaf that requires a gradient.
inline Tensor learnable(const Shape& shape, double value) { return Tensor::full(shape, value).set_requires_grad(true); }

}  // namespace tern
