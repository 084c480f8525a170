// Floats by OpenBLAS and by the trainer's own convolution.
#include <algorithm>
#include <memory>

#include "kernels/float/blas.hpp"
#include "rivals.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/rng.hpp"

namespace tern::cli {
namespace {

using infer::LayerProblem;

std::vector<float> random_values(std::int64_t n) {
  Rng rng(2);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = static_cast<float>(rng.uniform() - 0.5);
  return v;
}

// Rows are taps (c, r, s), columns output positions.
void im2col(const LayerProblem& p, const std::vector<float>& x, std::vector<float>& columns) {
  float* to = columns.data();
  for (std::int64_t c = 0; c < p.channels; ++c) {
    for (std::int64_t r = 0; r < p.kernel; ++r) {
      for (std::int64_t s = 0; s < p.kernel; ++s) {
        for (std::int64_t i = 0; i < p.out_size(); ++i, to += p.out_size()) {
          const std::int64_t y = i * p.stride - p.pad + r * p.dilation;
          std::fill_n(to, p.out_size(), 0.0f);
          if (y < 0 || y >= p.size) continue;
          const float* row = x.data() + (c * p.size + y) * p.size;
          for (std::int64_t j = 0; j < p.out_size(); ++j) {
            const std::int64_t at = j * p.stride - p.pad + s * p.dilation;
            if (at >= 0 && at < p.size) to[j] = row[at];
          }
        }
      }
    }
  }
}

}  // namespace

std::vector<infer::Contender> float_rivals(const LayerProblem& p) {
  struct State {
    std::vector<float> x, w, columns, y;
    Tensor tx, tw;
  };
  const std::int64_t k = p.channels * p.kernel * p.kernel, n = p.out_size() * p.out_size();
  auto state = std::make_shared<State>();
  state->x = random_values(p.channels * p.size * p.size);
  state->w = random_values(p.outputs * k);
  state->columns.resize(static_cast<std::size_t>(k * n));
  state->y.resize(static_cast<std::size_t>(p.outputs * n));
  state->tx = Tensor::from(state->x, Shape{1, p.channels, p.size, p.size});
  state->tw = Tensor::from(state->w, Shape{p.outputs, p.channels, p.kernel, p.kernel});
  return {{"openblas", [state, p] { im2col(p, state->x, state->columns); },
           [state, p, k, n] {
             kernels::gemm(false, false, p.outputs, n, k, 1.0f, state->w.data(), k, state->columns.data(), n, 0.0f,
                           state->y.data(), n);
           }},
          {"tern/fp32", {}, [state, p] {
             const NoGrad off;
             (void)conv2d(state->tx, state->tw, {}, Conv2dOptions::square(p.stride, p.pad, p.dilation));
           }}};
}

}  // namespace tern::cli
