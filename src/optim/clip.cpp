// Clipping of gradients by their joint norm.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "optim/update_loop.hpp"
#include "tern/error.hpp"
#include "tern/optim.hpp"

namespace tern {
namespace {

// Eight interleaved sums in each range of kUpdateGrain elements, then the ranges in order: the order of the additions
// is the same for any number of threads.
template <class T>
double sum_of_squares(std::span<const T> x) {
  constexpr std::size_t lanes = 8;
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<double> sums(static_cast<std::size_t>((n + kUpdateGrain - 1) / kUpdateGrain));
  parallel_ranges(n, kUpdateGrain, [&](std::int64_t begin, std::int64_t end) {
    std::array<double, lanes> s{};
    const T* p = x.data() + begin;
    const auto count = static_cast<std::size_t>(end - begin);
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
      for (std::size_t k = 0; k < lanes; ++k) s[k] += static_cast<double>(p[i + k]) * static_cast<double>(p[i + k]);
    }
    for (std::size_t k = 0; i < count; ++i, ++k) s[k] += static_cast<double>(p[i]) * static_cast<double>(p[i]);
    sums[static_cast<std::size_t>(begin / kUpdateGrain)] = std::accumulate(s.begin(), s.end(), 0.0);
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace

double clip_grad_norm(const std::vector<Tensor>& params, double max_norm) {
  if (!(max_norm > 0)) throw ValueError("[clip_grad_norm] expected max_norm > 0; got " + std::to_string(max_norm));
  double total = 0;
  for (const Tensor& p : params) {
    if (!p.grad().defined()) continue;
    if (!p.grad().is_contiguous()) p.set_grad(p.grad().contiguous());
    dispatch(p.grad().dtype(), "clip_grad_norm",
             [&](auto zero) { total += sum_of_squares<decltype(zero)>(p.grad().span<decltype(zero)>()); });
  }
  const double norm = std::sqrt(total);
  if (!std::isfinite(norm) || norm <= max_norm) return norm;
  for (const Tensor& p : params) {
    if (!p.grad().defined()) continue;
    dispatch(p.grad().dtype(), "clip_grad_norm", [&](auto zero) {
      using T = decltype(zero);
      const T factor = static_cast<T>(max_norm / norm);
      T* g = p.grad().data<T>();
      parallel_ranges(p.numel(), kUpdateGrain, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) g[i] *= factor;
      });
    });
  }
  return norm;
}

}  // namespace tern
