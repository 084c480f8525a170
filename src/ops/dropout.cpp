// Random regularisers. y = x * mask / (1 - p), dx = dy * mask / (1 - p); the mask is drawn once and kept as bytes.
#include <vector>

#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

using i64 = std::int64_t;

// Elements [u * unit, (u + 1) * unit) share the u-th draw.
Tensor apply(const Tensor& x, const ops::SavedBytes& mask, i64 unit, double factor, const Tensor& y) {
  const Tensor input = x.contiguous();
  dispatch(x.dtype(), "dropout", [&](auto zero) {
    using T = decltype(zero);
    const T* p = input.data<T>();
    T* q = y.data<T>();
    const unsigned char* keep = mask.data();
    const T f = static_cast<T>(factor);
    parallel_ranges(x.numel(), ops::kGrain, [&](i64 begin, i64 end) {
      if (unit == 1) {
        for (i64 i = begin; i < end; ++i) q[i] = keep[i] ? p[i] * f : T(0);
      } else {
        for (i64 i = begin; i < end; ++i) q[i] = keep[i / unit] ? p[i] * f : T(0);
      }
    });
  });
  return y;
}

Tensor drop(std::string_view op, const Tensor& x, double p, Rng& rng, i64 unit) {
  if (!(p >= 0.0 && p < 1.0)) ops::throw_value(op, "p in [0, 1)", std::to_string(p));
  if (p == 0.0 || x.numel() == 0) return x;
  const i64 draws = x.numel() / unit;
  const ops::SavedBytes mask(draws);
  for (i64 i = 0; i < draws; ++i) mask.data()[i] = static_cast<double>(rng.uniform()) >= p;
  const double factor = 1.0 / (1.0 - p);
  Tensor y = apply(x, mask, unit, factor, Tensor::empty(x.shape(), x.dtype()));
  return record(op, std::move(y), {x}, [mask, unit, factor](const Tensor& dy) {
    return std::vector<Tensor>{apply(dy, mask, unit, factor, ops::reuse_or_empty(dy))};
  });
}

}  // namespace

Tensor dropout(const Tensor& x, double p, Rng& rng) {
  ops::check_floating("dropout", x);
  return drop("dropout", x, p, rng, 1);
}

Tensor drop_path(const Tensor& x, double p, Rng& rng) {
  ops::check_floating("drop_path", x);
  if (x.shape().rank() < 1) ops::throw_shape("drop_path", "x of rank >= 1", x.shape().str());
  return drop("drop_path", x, p, rng, x.numel() / std::max<i64>(1, x.size(0)));
}

}  // namespace tern
