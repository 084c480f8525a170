// The loop that every optimizer's update runs: over elements, on all threads, leaving masked ones alone.
#pragma once

#include "tern/parallel.hpp"
#include "tern/tensor.hpp"

namespace tern {

/// body(i) for each element i that `mask` (may be undefined) lets through.
template <class T, class F>
void for_each_updated(std::int64_t n, const Tensor& mask, F&& body) {
  const T* m = mask.defined() ? mask.data<T>() : nullptr;
  parallel_ranges(n, 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    if (m) {
      for (std::int64_t i = begin; i < end; ++i) {
        if (m[i] != T(0)) body(i);
      }
    } else {
      for (std::int64_t i = begin; i < end; ++i) body(i);
    }
  });
}

}  // namespace tern
