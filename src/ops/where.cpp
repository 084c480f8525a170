// where: y[i] = mask[i] != 0 ? a[i] : b[i].
#include <vector>

#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

/// y[i] = mask[i] != 0 ? a[i] : b[i]; an undefined a or b counts as zeros. The others are contiguous.
Tensor mixed(const Tensor& mask, const Tensor& a, const Tensor& b) {
  Tensor y = Tensor::empty(mask.shape(), mask.dtype());
  dispatch(mask.dtype(), "where", [&](auto zero) {
    using T = decltype(zero);
    const T* m = mask.data<T>();
    const T* p = a.defined() ? a.data<T>() : nullptr;
    const T* q = b.defined() ? b.data<T>() : nullptr;
    T* r = y.data<T>();
    parallel_ranges(mask.numel(), ops::kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) r[i] = m[i] != T(0) ? (p ? p[i] : T(0)) : (q ? q[i] : T(0));
    });
  });
  return y;
}

}  // namespace

Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b) {
  ops::check_floating("where", mask);
  ops::check_same_dtype("where", mask, a);
  ops::check_same_dtype("where", mask, b);
  ops::check_shape("where", "a", a, mask.shape());
  ops::check_shape("where", "b", b, mask.shape());
  const Tensor m = mask.contiguous();
  const bool wants_a = will_record({a}), wants_b = will_record({b});
  return record("where", mixed(m, a.contiguous(), b.contiguous()), {a, b}, [m, wants_a, wants_b](const Tensor& dy) {
    const Tensor g = dy.contiguous();
    return std::vector<Tensor>{wants_a ? mixed(m, g, {}) : Tensor(), wants_b ? mixed(m, {}, g) : Tensor()};
  });
}

}  // namespace tern
