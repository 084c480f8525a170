// Elementwise operations of two arguments, with broadcasting, and prelu.
#include <vector>

#include "ops/broadcast.hpp"
#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace ops {

BroadcastPlan plan_broadcast(std::string_view op, const Shape& a, const Shape& b) {
  BroadcastPlan plan;
  const int rank = std::max(a.rank(), b.rank());
  std::array<std::int64_t, Shape::kMaxRank> extents{};
  std::array<bool, Shape::kMaxRank> step_a{}, step_b{};
  for (int d = 0; d < rank; ++d) {
    const int da = d - (rank - a.rank()), db = d - (rank - b.rank());
    const std::int64_t ea = da < 0 ? 1 : a[da], eb = db < 0 ? 1 : b[db];
    if (ea != eb && ea != 1 && eb != 1) throw_shape(op, "shapes that broadcast", a.str() + " and " + b.str());
    const auto k = static_cast<std::size_t>(d);
    extents[k] = ea == 1 ? eb : ea;
    step_a[k] = ea != 1;
    step_b[k] = eb != 1;
  }
  plan.result = Shape(std::span<const std::int64_t>(extents.data(), static_cast<std::size_t>(rank)));

  // From the back: merge a dimension into the one before it if both operands step (or stand still) in both.
  std::array<bool, Shape::kMaxRank> sa{}, sb{};
  for (std::size_t d = 0; d < static_cast<std::size_t>(rank); ++d) {
    if (extents[d] == 1) continue;
    const auto last = static_cast<std::size_t>(plan.rank);
    if (last > 0 && sa[last - 1] == step_a[d] && sb[last - 1] == step_b[d]) {
      plan.extent[last - 1] *= extents[d];
    } else {
      plan.extent[last] = extents[d];
      sa[last] = step_a[d];
      sb[last] = step_b[d];
      ++plan.rank;
    }
  }
  if (plan.rank == 0) {
    plan.extent[0] = 1;
    plan.rank = 1;
  }
  std::int64_t next_a = 1, next_b = 1;
  for (auto d = static_cast<std::size_t>(plan.rank); d-- > 0;) {
    if (sa[d]) {
      plan.stride_a[d] = next_a;
      next_a *= plan.extent[d];
    }
    if (sb[d]) {
      plan.stride_b[d] = next_b;
      next_b *= plan.extent[d];
    }
  }
  return plan;
}

Tensor sum_to_shape(const Tensor& dy, const Shape& shape) {
  if (dy.shape() == shape) return dy;
  const int extra = dy.shape().rank() - shape.rank();
  std::vector<int> dims;
  for (int d = 0; d < dy.shape().rank(); ++d) {
    if (d < extra || (shape[d - extra] == 1 && dy.size(d) != 1)) dims.push_back(d);
  }
  const NoGrad no_grad;
  return dims.empty() ? dy.view(shape) : sum(dy, dims).view(shape);
}

}  // namespace ops

namespace {

/// y = f(a, b) over the broadcast of two contiguous tensors.
template <class F>
Tensor combine(std::string_view op, const Tensor& a, const Tensor& b, F f) {
  ops::check_same_dtype(op, a, b);
  const Tensor x = a.contiguous(), z = b.contiguous();
  const ops::BroadcastPlan plan = ops::plan_broadcast(op, a.shape(), b.shape());
  Tensor y = Tensor::empty(plan.result, a.dtype());
  dispatch(a.dtype(), op, [&](auto zero) {
    using T = decltype(zero);
    const T *p = x.data<T>(), *q = z.data<T>();
    T* r = y.data<T>();
    const auto last = static_cast<std::size_t>(plan.rank - 1);
    const bool step_a = plan.stride_a[last] != 0, step_b = plan.stride_b[last] != 0;
    parallel_ranges(y.numel(), ops::kGrain, [&](std::int64_t begin, std::int64_t end) {
      plan.runs(begin, end, [&](std::int64_t i, std::int64_t ia, std::int64_t ib, std::int64_t count) {
        if (step_a && step_b) {
          for (std::int64_t j = 0; j < count; ++j) r[i + j] = f(p[ia + j], q[ib + j]);
        } else if (step_a) {
          const T v = q[ib];
          for (std::int64_t j = 0; j < count; ++j) r[i + j] = f(p[ia + j], v);
        } else {
          const T v = p[ia];
          for (std::int64_t j = 0; j < count; ++j) r[i + j] = f(v, step_b ? q[ib + j] : q[ib]);
        }
      });
    });
  });
  return y;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  Tensor y = combine("add", a, b, [](auto p, auto q) { return p + q; });
  return record("add", std::move(y), {a, b}, [sa = a.shape(), sb = b.shape()](const Tensor& dy) {
    return std::vector<Tensor>{ops::sum_to_shape(dy, sa), ops::sum_to_shape(dy, sb)};
  });
}

Tensor add_relu(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape()))
    ops::throw_shape("add_relu", "equal shapes", a.shape().str() + " and " + b.shape().str());
  Tensor y = combine("add_relu", a, b, [](auto p, auto q) {
    const auto sum = p + q;
    return sum <= 0 ? decltype(sum)(0) : sum;  // NaN passes through
  });
  if (!will_record({a, b})) return y;
  const Tensor kept = y.detach();
  return record("add_relu", std::move(y), {a, b}, [kept](const Tensor& dy) {
    const Tensor dx = combine("add_relu", dy, kept, [](auto g, auto v) { return v > 0 ? g : decltype(g)(0); });
    return std::vector<Tensor>{dx, dx};
  });
}

Tensor sub(const Tensor& a, const Tensor& b) {
  Tensor y = combine("sub", a, b, [](auto p, auto q) { return p - q; });
  const bool need_b = b.requires_grad();
  return record("sub", std::move(y), {a, b}, [need_b, sa = a.shape(), sb = b.shape()](const Tensor& dy) {
    return std::vector<Tensor>{ops::sum_to_shape(dy, sa), need_b ? ops::sum_to_shape(neg(dy), sb) : Tensor()};
  });
}

// da = dy * b, db = dy * a
Tensor mul(const Tensor& a, const Tensor& b) {
  Tensor y = combine("mul", a, b, [](auto p, auto q) { return p * q; });
  const Tensor for_b = b.requires_grad() ? a : Tensor(), for_a = a.requires_grad() ? b : Tensor();
  return record("mul", std::move(y), {a, b}, [for_a, for_b, sa = a.shape(), sb = b.shape()](const Tensor& dy) {
    return std::vector<Tensor>{for_a.defined() ? ops::sum_to_shape(mul(dy, for_a), sa) : Tensor(),
                               for_b.defined() ? ops::sum_to_shape(mul(dy, for_b), sb) : Tensor()};
  });
}

// y = a / b: da = dy / b, db = -da * y
Tensor div(const Tensor& a, const Tensor& b) {
  Tensor y = combine("div", a, b, [](auto p, auto q) { return p / q; });
  const Tensor quotient = b.requires_grad() ? y.detach() : Tensor();
  return record("div", std::move(y), {a, b}, [quotient, b, sa = a.shape()](const Tensor& dy) {
    const Tensor da = div(dy, b);
    return std::vector<Tensor>{ops::sum_to_shape(da, sa),
                               quotient.defined() ? ops::sum_to_shape(neg(mul(da, quotient)), b.shape()) : Tensor()};
  });
}

// y = x if x > 0 else slope * x;  dx = dy * (1 or slope),  dslope = sum over x <= 0 of dy * x
Tensor prelu(const Tensor& x, const Tensor& slope) {
  ops::check_same_dtype("prelu", x, slope);
  if (x.shape().rank() < 2) ops::throw_shape("prelu", "x of rank >= 2", x.shape().str());
  if (slope.shape().rank() != 1 || (slope.numel() != 1 && slope.numel() != x.size(1))) {
    ops::throw_shape("prelu", "a slope of shape 1 or " + std::to_string(x.size(1)) + " for " + x.shape().str(),
                     slope.shape().str());
  }
  std::vector<std::int64_t> extents(static_cast<std::size_t>(x.shape().rank()), 1);
  extents[1] = slope.numel();
  const Shape aligned{std::span<const std::int64_t>(extents)};
  const Tensor a = slope.view(aligned).detach();
  Tensor y = combine("prelu", x, a, [](auto v, auto s) { return v > 0 ? v : s * v; });
  const bool need_slope = slope.requires_grad(), need_x = x.requires_grad();
  return record("prelu", std::move(y), {x, slope}, [x, a, need_x, need_slope, shape = slope.shape()](const Tensor& dy) {
    Tensor dx, ds;
    if (need_x) dx = mul(dy, combine("prelu", x, a, [](auto v, auto s) { return v > 0 ? decltype(v)(1) : s; }));
    if (need_slope) {
      const Tensor negative = combine("prelu", x, dy, [](auto v, auto g) { return v > 0 ? decltype(v)(0) : v * g; });
      ds = ops::sum_to_shape(negative, a.shape()).view(shape);
    }
    return std::vector<Tensor>{dx, ds};
  });
}

}  // namespace tern
