// Straight-through estimators: steps whose backward is a declared rule, not a derivative.
#include <cmath>
#include <vector>

#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

/// y = step(x); dx = dy where window(x), else 0.
template <class Step, class Window>
Tensor straight_through(std::string_view op, const Tensor& x, Step step, Window window) {
  ops::check_floating(op, x);
  const Tensor input = x.contiguous();
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), op, [&](auto zero) {
    using T = decltype(zero);
    const T* p = input.data<T>();
    T* q = y.data<T>();
    parallel_ranges(x.numel(), ops::kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) q[i] = step(p[i]) ? T(1) : T(decltype(step)::kLow);
    });
  });
  return record(op, std::move(y), {x}, [input, window](const Tensor& dy) {
    const Tensor dx = ops::reuse_or_empty(dy), g = dy.contiguous();
    dispatch(dy.dtype(), "backward", [&](auto zero) {
      using T = decltype(zero);
      const T *p = input.data<T>(), *q = g.data<T>();
      T* r = dx.data<T>();
      parallel_ranges(dy.numel(), ops::kGrain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) r[i] = window(p[i]) ? q[i] : T(0);
      });
    });
    return std::vector<Tensor>{dx};
  });
}

struct Positive {
  static constexpr int kLow = 0;
  template <class T>
  bool operator()(T v) const {
    return v > 0;
  }
};
struct NotNegative {
  static constexpr int kLow = -1;
  template <class T>
  bool operator()(T v) const {
    return v >= 0;
  }
};

}  // namespace

// y = 1{x > 0}; dx = dy 1{|x| <= 1}
Tensor heaviside_ste(const Tensor& x) {
  return straight_through("heaviside_ste", x, Positive{}, [](auto v) { return std::fabs(v) <= 1; });
}

// y = +1 if x >= 0 else -1; dx = dy 1{|x| < 1}
Tensor sign_ste(const Tensor& x) {
  return straight_through("sign_ste", x, NotNegative{}, [](auto v) { return std::fabs(v) < 1; });
}

}  // namespace tern
