// batch_norm: y = k1 x + k0 with k1 = gamma / sqrt(var + eps), k0 = beta - k1 mu, per channel; optionally max(y, 0).
//
// With xhat = (x - mu) / sqrt(var + eps), M elements a channel, and dz the gradient behind the optional max:
//   dbeta = sum dz,  dgamma = sum dz xhat
//   training:    dx = k1 (dz - dbeta / M - xhat dgamma / M),  since mu and var depend on x
//   evaluation:  dx = k1 dz
// Both are dx = a dz + b x + c with three numbers a channel. Backward keeps x and those numbers; where the max was
// active it finds by evaluating k1 x + k0 again.
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "kernels/exact.hpp"
#include "kernels/float/channel/channel.hpp"
#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

using i64 = std::int64_t;

// x seen as [n][c][pixels]. Images are dealt to chunks by the shape alone.
struct Extents {
  i64 n, c, pixels, chunks;
  explicit Extents(const Tensor& x)
      : n(x.size(0)),
        c(x.size(1)),
        pixels(x.shape().rank() == 4 ? x.size(2) * x.size(3) : 1),
        chunks(std::clamp<i64>(n * c * pixels / ops::kGrain, 1, std::clamp<i64>(n, 1, 32))) {}
  i64 count() const { return n * pixels; }
  i64 first(i64 chunk) const { return n * chunk / chunks; }
};

// Totals over each channel c of two quantities: add(base, c, u, v) adds those of one run to u and v.
template <class F>
std::vector<double> channel_sums(const Extents& e, F add) {
  const auto width = static_cast<std::size_t>(2 * e.c);
  std::vector<double> partial(static_cast<std::size_t>(e.chunks) * width, 0.0);
  parallel_for(e.chunks, [&](i64 chunk) {
    double* sums = partial.data() + static_cast<std::size_t>(chunk) * width;
    for (i64 n = e.first(chunk); n < e.first(chunk + 1); ++n) {
      for (i64 c = 0; c < e.c; ++c) add((n * e.c + c) * e.pixels, c, sums[2 * c], sums[2 * c + 1]);
    }
  });
  for (i64 chunk = 1; chunk < e.chunks; ++chunk) {
    for (std::size_t i = 0; i < width; ++i) partial[i] += partial[static_cast<std::size_t>(chunk) * width + i];
  }
  partial.resize(width);
  return partial;
}

// Calls f(base, c) for every run of every channel, in parallel.
template <class F>
void for_each_run(const Extents& e, F f) {
  parallel_for(e.chunks, [&](i64 chunk) {
    for (i64 n = e.first(chunk); n < e.first(chunk + 1); ++n) {
      for (i64 c = 0; c < e.c; ++c) f((n * e.c + c) * e.pixels, c);
    }
  });
}

void check_arguments(const Tensor& x, const Tensor& gamma, const Tensor& beta, const BatchNormState& state,
                     const BatchNormOptions& o) {
  ops::check_floating("batch_norm", x);
  if (x.shape().rank() != 2 && x.shape().rank() != 4) {
    ops::throw_shape("batch_norm", "x of shape N x C or N x C x H x W", x.shape().str());
  }
  const Shape channels{x.size(1)};
  if (gamma.defined() != beta.defined()) ops::throw_value("batch_norm", "gamma and beta, or neither", "one of them");
  if (gamma.defined()) {
    ops::check_same_dtype("batch_norm", x, gamma);
    ops::check_same_dtype("batch_norm", x, beta);
    ops::check_shape("batch_norm", "gamma", gamma, channels);
    ops::check_shape("batch_norm", "beta", beta, channels);
  }
  if (!o.training || o.update_running) {
    for (const Tensor* t : {&state.running_mean, &state.running_var}) {
      if (!t->defined()) ops::throw_value("batch_norm", "running statistics", "undefined ones");
      ops::check_shape("batch_norm", "running statistics", *t, channels);
      if (t->dtype() != DType::kF32 || !t->is_contiguous()) {
        ops::throw_value("batch_norm", "contiguous float32 running statistics", std::string(name_of(t->dtype())));
      }
    }
  }
  if (!(o.eps >= 0) || !(o.momentum >= 0 && o.momentum <= 1)) {
    ops::throw_value("batch_norm", "eps >= 0 and momentum in [0, 1]",
                     "eps " + std::to_string(o.eps) + ", momentum " + std::to_string(o.momentum));
  }
  if (o.training && x.numel() == 0) ops::throw_shape("batch_norm", "at least one element a channel", x.shape().str());
}

// What forward leaves to backward, a row of C numbers each.
template <class T>
struct Channel {
  std::vector<T> k1, k0;
  std::vector<double> mean, inv;  // inv = 1 / sqrt(var + eps)
  explicit Channel(i64 c) : k1(static_cast<std::size_t>(c)), k0(k1), mean(static_cast<std::size_t>(c)), inv(mean) {}
};

template <class T>
Channel<T> batch_statistics(const Extents& e, const T* x, const T* gamma, const T* beta, BatchNormState& state,
                            const BatchNormOptions& o) {
  Channel<T> ch(e.c);
  // E x^2 - (E x)^2 in double loses (mu / sigma)^2 1e-16 of the variance, far less than float32 inputs carry.
  const auto& run = kernels::channel::kernels<T>();
  const auto sums = channel_sums(e, [&](i64 base, i64, double& u, double& v) { run.sums(x + base, e.pixels, u, v); });
  const double count = static_cast<double>(e.count());
  for (std::size_t c = 0; c < ch.mean.size(); ++c) {
    ch.mean[c] = sums[2 * c] / count;
    const double var = std::max(0.0, sums[2 * c + 1] / count - ch.mean[c] * ch.mean[c]);
    ch.inv[c] = 1.0 / std::sqrt(var + o.eps);
    const double k1 = (gamma ? static_cast<double>(gamma[c]) : 1.0) * ch.inv[c];
    ch.k1[c] = static_cast<T>(k1);
    ch.k0[c] = static_cast<T>((beta ? static_cast<double>(beta[c]) : 0.0) - k1 * ch.mean[c]);
    if (o.update_running) {
      const double unbiased = var * (count > 1 ? count / (count - 1) : 1.0);
      const auto blend = [&](float& running, double value) {
        running = static_cast<float>((1.0 - o.momentum) * static_cast<double>(running) + o.momentum * value);
      };
      blend(state.running_mean.data<float>()[c], ch.mean[c]);
      blend(state.running_var.data<float>()[c], unbiased);
    }
  }
  return ch;
}

// The float form is the packed runtime's, to the bit.
template <class T>
Channel<T> running_statistics(const Extents& e, const T* gamma, const T* beta, const BatchNormState& state,
                              const BatchNormOptions& o) {
  Channel<T> ch(e.c);
  const float *mean = state.running_mean.data<float>(), *var = state.running_var.data<float>();
  for (std::size_t c = 0; c < ch.mean.size(); ++c) {
    const T g = gamma ? gamma[c] : T(1), b = beta ? beta[c] : T(0);
    if constexpr (std::is_same_v<T, float>) {
      const exact::Affine affine = exact::batch_norm(g, b, mean[c], var[c], static_cast<float>(o.eps));
      ch.k1[c] = affine.k1;
      ch.k0[c] = affine.k0;
    } else {
      ch.k1[c] = g / std::sqrt(static_cast<double>(var[c]) + o.eps);
      ch.k0[c] = b - ch.k1[c] * static_cast<double>(mean[c]);
    }
    ch.mean[c] = static_cast<double>(mean[c]);
    ch.inv[c] = 1.0 / std::sqrt(static_cast<double>(var[c]) + o.eps);
  }
  return ch;
}

template <class T>
void apply(const Extents& e, const Channel<T>& ch, bool fuse_relu, const T* x, T* y) {
  const auto& run = kernels::channel::kernels<T>();
  for_each_run(e, [&](i64 base, i64 channel) {
    const auto c = static_cast<std::size_t>(channel);
    run.forward(x + base, e.pixels, ch.k1[c], ch.k0[c], fuse_relu, y + base);
  });
}

// Per channel sum dz and sum dz (x - mu).
template <class T>
std::vector<double> gradient_sums(const Extents& e, const Channel<T>& ch, bool fuse_relu, const T* x, const T* dy) {
  const auto& run = kernels::channel::kernels<T>();
  std::vector<double> sums = channel_sums(e, [&](i64 base, i64 channel, double& u, double& v) {
    const auto c = static_cast<std::size_t>(channel);
    run.gradient_sums(x + base, dy + base, e.pixels, ch.k1[c], ch.k0[c], fuse_relu, u, v);
  });
  for (std::size_t c = 0; c < ch.mean.size(); ++c) sums[2 * c + 1] -= ch.mean[c] * sums[2 * c];
  return sums;
}

template <class T>
void input_gradient(const Extents& e, const Channel<T>& ch, const BatchNormOptions& o, const std::vector<double>& sums,
                    const T* x, const T* dy, T* dx) {
  const auto& run = kernels::channel::kernels<T>();
  const double count = static_cast<double>(e.count());
  for_each_run(e, [&](i64 base, i64 channel) {
    const auto c = static_cast<std::size_t>(channel);
    const double k1 = static_cast<double>(ch.k1[c]);
    const double per_x = o.training ? k1 * ch.inv[c] * ch.inv[c] * sums[2 * c + 1] / count : 0.0;
    const double offset = o.training ? per_x * ch.mean[c] - k1 * sums[2 * c] / count : 0.0;
    run.backward(x + base, dy + base, e.pixels, ch.k1[c], ch.k0[c], o.fuse_relu, static_cast<T>(-per_x),
                 static_cast<T>(offset), dx + base);
  });
}

template <class T>
std::vector<Tensor> backward_of(const Extents& e, const Channel<T>& ch, const BatchNormOptions& o, const Tensor& x,
                                const Tensor& dy, bool affine, bool need_x) {
  std::vector<Tensor> out(affine ? 3 : 1);
  if (need_x) out[0] = ops::reuse_or_empty(dy);
  const Tensor g = dy.contiguous();
  const std::vector<double> sums = gradient_sums(e, ch, o.fuse_relu, x.data<T>(), g.data<T>());
  if (affine) {
    out[1] = Tensor::empty(Shape{e.c}, dy.dtype());
    out[2] = Tensor::empty(Shape{e.c}, dy.dtype());
    for (std::size_t c = 0; c < ch.mean.size(); ++c) {
      out[1].data<T>()[c] = static_cast<T>(sums[2 * c + 1] * ch.inv[c]);
      out[2].data<T>()[c] = static_cast<T>(sums[2 * c]);
    }
  }
  if (need_x) input_gradient(e, ch, o, sums, x.data<T>(), g.data<T>(), out[0].data<T>());
  return out;
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, BatchNormState& state,
                  const BatchNormOptions& options) {
  check_arguments(x, gamma, beta, state, options);
  const Tensor input = x.contiguous();
  const Extents e(x);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  std::vector<Tensor> inputs{x};
  if (gamma.defined()) inputs.insert(inputs.end(), {gamma, beta});
  dispatch(x.dtype(), "batch_norm", [&](auto zero) {
    using T = decltype(zero);
    const Tensor scales = gamma.defined() ? gamma.contiguous() : Tensor(),
                 offsets = gamma.defined() ? beta.contiguous() : Tensor();
    const T* g = gamma.defined() ? scales.data<T>() : nullptr;
    const T* b = gamma.defined() ? offsets.data<T>() : nullptr;
    Channel<T> ch = options.training ? batch_statistics(e, input.data<T>(), g, b, state, options)
                                     : running_statistics(e, g, b, state, options);
    apply(e, ch, options.fuse_relu, input.data<T>(), y.data<T>());
    const bool affine = gamma.defined(), need_x = x.requires_grad();
    y = record("batch_norm", std::move(y), inputs,
               [e, ch = std::move(ch), options, input, affine, need_x](const Tensor& dy) {
                 return backward_of(e, ch, options, input, dy, affine, need_x);
               });
  });
  return y;
}

// With xhat_k = (x_k - mu_k) / sqrt(var_k + eps):  dw_k = sum dy xhat_k,  and dx_k is that of batch norm for w_k dy.
Tensor mixed_batch_norm(const std::vector<Tensor>& xs, const Tensor& w, const std::vector<BatchNormState>& states,
                        const BatchNormOptions& options) {
  if (xs.empty() || xs.size() != states.size()) {
    ops::throw_value("mixed_batch_norm", "at least one summand and a state for each",
                     std::to_string(xs.size()) + " and " + std::to_string(states.size()));
  }
  if (options.fuse_relu) ops::throw_value("mixed_batch_norm", "no fused ReLU", "fuse_relu");
  ops::check_shape("mixed_batch_norm", "w", w, Shape{static_cast<i64>(xs.size())});
  std::vector<Tensor> summands;
  for (std::size_t k = 0; k < xs.size(); ++k) {
    check_arguments(xs[k], {}, {}, states[k], options);
    ops::check_same_dtype("mixed_batch_norm", xs[k], w);
    ops::check_shape("mixed_batch_norm", "x", xs[k], xs[0].shape());
    summands.push_back(xs[k].contiguous());
  }
  const Extents e(xs[0]);
  const Tensor weights = w.contiguous().detach();
  Tensor y = Tensor::empty(xs[0].shape(), w.dtype());
  dispatch(w.dtype(), "mixed_batch_norm", [&](auto zero) {
    using T = decltype(zero);
    const T* p = weights.data<T>();
    std::vector<Channel<T>> channels;
    for (std::size_t k = 0; k < xs.size(); ++k) {
      BatchNormState state = states[k];
      const T* x = summands[k].data<T>();
      channels.push_back(options.training ? batch_statistics<T>(e, x, nullptr, nullptr, state, options)
                                          : running_statistics<T>(e, nullptr, nullptr, state, options));
    }
    for_each_run(e, [&](i64 base, i64 channel) {
      const auto c = static_cast<std::size_t>(channel);
      T offset = 0;
      for (std::size_t k = 0; k < xs.size(); ++k) offset += p[k] * channels[k].k0[c];
      T* to = y.data<T>() + base;
      for (i64 i = 0; i < e.pixels; ++i) to[i] = offset;
      for (std::size_t k = 0; k < xs.size(); ++k) {
        const T factor = p[k] * channels[k].k1[c];
        const T* x = summands[k].data<T>() + base;
        for (i64 i = 0; i < e.pixels; ++i) to[i] += factor * x[i];
      }
    });
    std::vector<Tensor> inputs = xs;
    inputs.push_back(w);
    std::vector<bool> needs;
    for (const Tensor& x : xs) needs.push_back(x.requires_grad());
    y = record("mixed_batch_norm", std::move(y), inputs,
               [e, options, summands, weights, needs, channels = std::move(channels)](const Tensor& dy) {
                 const Tensor g = dy.contiguous();
                 std::vector<Tensor> out(needs.size() + 1);
                 out.back() = Tensor::zeros(weights.shape(), weights.dtype());
                 for (std::size_t k = 0; k < needs.size(); ++k) {
                   const T* x = summands[k].data<T>();
                   const std::vector<double> sums = gradient_sums(e, channels[k], false, x, g.data<T>());
                   double dw = 0;
                   for (std::size_t c = 0; c < channels[k].inv.size(); ++c) dw += sums[2 * c + 1] * channels[k].inv[c];
                   out.back().template data<T>()[k] = static_cast<T>(dw);
                   if (!needs[k]) continue;
                   Channel<T> scaled = channels[k];
                   for (T& k1 : scaled.k1) k1 *= weights.data<T>()[k];
                   out[k] = Tensor::empty(g.shape(), g.dtype());
                   input_gradient(e, scaled, options, sums, x, g.data<T>(), out[k].template data<T>());
                 }
                 return out;
               });
  });
  return y;
}

}  // namespace tern
