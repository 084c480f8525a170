// The loop of operations of one argument that go element by element.
#pragma once

#include <string_view>
#include <vector>

#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/parallel.hpp"

namespace tern::ops {

enum class Save { kNothing, kInput, kOutput };

/// y = f(x) and dx = df(dy, saved), element by element, where `saved` is an element of what `save` keeps of this call.
template <class F, class Df>
Tensor unary(std::string_view op, const Tensor& x, Save save, F f, Df df) {
  check_floating(op, x);
  const Tensor input = x.contiguous();
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), op, [&](auto zero) {
    using T = decltype(zero);
    const T* p = input.data<T>();
    T* q = y.data<T>();
    parallel_ranges(x.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) q[i] = f(p[i]);
    });
  });
  if (!will_record({x})) return y;
  const Tensor saved = save == Save::kInput ? input : save == Save::kOutput ? y.detach() : Tensor();
  return record(op, std::move(y), {x}, [saved, df](const Tensor& dy) {
    const Tensor dx = ops::reuse_or_empty(dy), g = dy.contiguous();
    dispatch(dy.dtype(), "backward", [&](auto zero) {
      using T = decltype(zero);
      const T* p = g.data<T>();
      const T* s = saved.defined() ? saved.data<T>() : p;
      T* q = dx.data<T>();
      parallel_ranges(dy.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) q[i] = df(p[i], s[i]);
      });
    });
    return std::vector<Tensor>{dx};
  });
}

}  // namespace tern::ops
