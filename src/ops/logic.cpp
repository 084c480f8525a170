// OR, thresholded global average pooling and MUX, each in one pass. Letters: N samples, C channels, one plane = H W
// pixels.
#include "tern/logic.hpp"

#include <algorithm>
#include <cmath>

#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

// or(a, b) and d or / da; d or / db is slope(b, a).
template <class T>
struct Or {
  explicit Or(const LogicOptions& o) : real(o.real), by_logic(o.by_logic) {}
  T value(T a, T b) const {
    const T sum = a + b;
    return sum > 0 ? (real ? sum : T(1)) : T(0);
  }
  T slope(T a, T b) const {
    const T sum = a + b;
    if (real) return sum > 0 ? T(1) : T(0);
    if (by_logic) return 1 - b;
    return std::abs(sum) <= 1 ? T(1) : T(0);
  }
  bool real, by_logic;
};

}  // namespace

Tensor logic_or(const Tensor& a, const Tensor& b, const LogicOptions& options) {
  ops::check_same_dtype("logic_or", a, b);
  ops::check_shape("logic_or", "b", b, a.shape());
  return dispatch(a.dtype(), "logic_or", [&](auto zero) {
    using T = decltype(zero);
    const Tensor p = a.contiguous(), q = b.contiguous(), o = Tensor::empty(a.shape(), a.dtype());
    const Or<T> gate(options);
    parallel_ranges(o.numel(), ops::kGrain, [&](std::int64_t begin, std::int64_t end) {
      const T *u = p.data<T>(), *v = q.data<T>();
      T* to = o.data<T>();
      for (std::int64_t i = begin; i < end; ++i) to[i] = gate.value(u[i], v[i]);
    });
    return record("logic_or", o, {a, b}, [p, q, gate](const Tensor& d) {
      const Tensor g = d.contiguous(), da = Tensor::empty(p.shape(), p.dtype()),
                   db = Tensor::empty(p.shape(), p.dtype());
      parallel_ranges(p.numel(), ops::kGrain, [&](std::int64_t begin, std::int64_t end) {
        const T *u = p.data<T>(), *v = q.data<T>(), *from = g.data<T>();
        T *du = da.data<T>(), *dv = db.data<T>();
        for (std::int64_t i = begin; i < end; ++i) {
          du[i] = from[i] * gate.slope(u[i], v[i]);
          dv[i] = from[i] * gate.slope(v[i], u[i]);
        }
      });
      return std::vector<Tensor>{da, db};
    });
  });
}

Tensor tgap(const Tensor& x, const LogicOptions& options) {
  ops::check_floating("tgap", x);
  ops::check_rank("tgap", "x", x, 4);
  const std::int64_t samples = x.size(0), channels = x.size(1), plane = x.size(2) * x.size(3);
  if (plane == 0) ops::throw_shape("tgap", "at least one pixel", x.shape().str());
  return dispatch(x.dtype(), "tgap", [&](auto zero) {
    using T = decltype(zero);
    const Tensor dense = x.contiguous();
    const Tensor t = Tensor::empty(Shape{samples, channels, 1, 1}, x.dtype()),
                 slope = Tensor::empty(t.shape(), x.dtype());
    parallel_for(samples, [&](std::int64_t n) {
      std::vector<double> sums(static_cast<std::size_t>(channels));
      for (std::int64_t c = 0; c < channels; ++c) {
        const T* p = dense.data<T>() + (n * channels + c) * plane;
        for (std::int64_t i = 0; i < plane; ++i) sums[static_cast<std::size_t>(c)] += static_cast<double>(p[i]);
      }
      // m * plane: what a sum is compared with, doubled, so that nothing rounds on {0,1}
      const auto area = static_cast<double>(plane);
      const double full = options.real && channels > 0 ? *std::max_element(sums.begin(), sums.end()) : area;
      for (std::int64_t c = 0; c < channels; ++c) {
        const double sum = sums[static_cast<std::size_t>(c)];
        t.data<T>()[n * channels + c] = 2 * sum > full ? T(1) : T(0);
        slope.data<T>()[n * channels + c] = std::abs(sum - full / 2) <= area ? static_cast<T>(1 / area) : T(0);
      }
    });
    return record("tgap", t, {x}, [slope, shape = x.shape(), plane, stop = options.stop_grad](const Tensor& dt) {
      if (stop) return std::vector<Tensor>{Tensor()};
      const Tensor g = dt.contiguous(), dx = Tensor::empty(shape, slope.dtype());
      parallel_for(slope.numel(), [&](std::int64_t k) {
        std::fill_n(dx.data<T>() + k * plane, plane, g.data<T>()[k] * slope.data<T>()[k]);
      });
      return std::vector<Tensor>{dx};
    });
  });
}

Tensor mux(const Tensor& t, const Tensor& y, const Tensor& x, const LogicOptions& options) {
  ops::check_same_dtype("mux", y, x);
  ops::check_same_dtype("mux", y, t);
  ops::check_rank("mux", "y", y, 4);
  ops::check_shape("mux", "x", x, y.shape());
  ops::check_shape("mux", "t", t, y.shape().with(2, 1).with(3, 1));
  return dispatch(y.dtype(), "mux", [&](auto zero) {
    using T = decltype(zero);
    const Tensor select = t.contiguous(), p = y.contiguous(), q = x.contiguous(),
                 o = Tensor::empty(y.shape(), y.dtype());
    const std::int64_t plane = y.size(2) * y.size(3);
    const Or<T> gate(options);
    parallel_for(select.numel(), [&](std::int64_t k) {
      const bool straight = select.data<T>()[k] != 0;
      const T *u = p.data<T>() + k * plane, *v = q.data<T>() + k * plane;
      T* to = o.data<T>() + k * plane;
      for (std::int64_t i = 0; i < plane; ++i) to[i] = straight ? u[i] : gate.value(u[i], v[i]);
    });
    return record("mux", o, {t, y, x}, [select, p, q, gate, plane](const Tensor& d) {
      const Tensor g = d.contiguous(), dt = Tensor::empty(select.shape(), p.dtype());
      const Tensor dy = Tensor::empty(p.shape(), p.dtype()), dx = Tensor::empty(p.shape(), p.dtype());
      parallel_for(select.numel(), [&](std::int64_t k) {
        const bool straight = select.data<T>()[k] != 0;
        const T *u = p.data<T>() + k * plane, *v = q.data<T>() + k * plane, *from = g.data<T>() + k * plane;
        T *du = dy.data<T>() + k * plane, *dv = dx.data<T>() + k * plane;
        double sum = 0;
        for (std::int64_t i = 0; i < plane; ++i) {
          sum += static_cast<double>(from[i] * (u[i] - gate.value(u[i], v[i])));
          du[i] = straight ? from[i] : from[i] * gate.slope(u[i], v[i]);
          dv[i] = straight ? T(0) : from[i] * gate.slope(v[i], u[i]);
        }
        dt.data<T>()[k] = static_cast<T>(sum);
      });
      return std::vector<Tensor>{dt, dy, dx};
    });
  });
}

}  // namespace tern
