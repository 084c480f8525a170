// The loop that every optimizer's update runs: over elements, on all threads, leaving masked ones alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tern/parallel.hpp"
#include "tern/tensor.hpp"

namespace tern {

/// Elements of a range that one thread works on: enough to be worth waking it.
inline constexpr std::int64_t kUpdateGrain = 1 << 15;

namespace detail {

// Everything by value: what is reached through a reference could, for all the compiler knows, be what a store changes,
// and then nothing is vectorised. Masked elements are computed too and not kept: a select is vectorised, a branch is
// not.
template <bool masked, std::size_t S, class T, class F>
void update_range(T* w, const T* g, std::array<T*, S> state, const T* mask, std::int64_t begin, std::int64_t end, F f) {
  for (std::int64_t i = begin; i < end; ++i) {
    T x = w[i];
    std::array<T, S> s;
    for (std::size_t k = 0; k < S; ++k) s[k] = state[k][i];
    f(x, g[i], s);
    const bool keep = masked && mask[i] == T(0);
    w[i] = keep ? w[i] : x;
    for (std::size_t k = 0; k < S; ++k) state[k][i] = keep ? state[k][i] : s[k];
  }
}

}  // namespace detail

/// f(w, g, s) changes an element's value w and its state s[0], s[1], ... given its gradient g. Elements whose mask (may
/// be undefined) is 0 keep value and state bit for bit. All tensors contiguous, of T.
template <class T, std::size_t S, class F>
void update_elements(const Tensor& value, const Tensor& grad, const std::array<Tensor, S>& state, const Tensor& mask,
                     F f) {
  T* w = value.data<T>();
  const T* g = grad.data<T>();
  const T* m = mask.defined() ? mask.data<T>() : nullptr;
  std::array<T*, S> s;
  for (std::size_t k = 0; k < S; ++k) s[k] = state[k].template data<T>();
  parallel_ranges(value.numel(), kUpdateGrain, [&](std::int64_t begin, std::int64_t end) {
    if (m) {
      detail::update_range<true>(w, g, s, m, begin, end, f);
    } else {
      detail::update_range<false>(w, g, s, m, begin, end, f);
    }
  });
}

}  // namespace tern
