// LSQ: learned step size, for weights and activations, ternary or k bits.
//   u = v/s,  t = clip(rne(u), -Qn, Qp),  q = s t
//   dv = dq 1{-Qn < u < Qp}
//   ds = c sum dq (-Qn if u <= -Qn; Qp if u >= Qp; rne(u) - u otherwise),   c = 1/sqrt(N Qp)
// N: elements of the weight tensor, or features of a sample. s >= 1e-6, init 2 E|v| / sqrt(Qp).
// Weights: bits=ternary (default, Qn = Qp = 1) or k (Qn = 2^(k-1), Qp = 2^(k-1) - 1); preset=fatnn normalises the weights
// first (as fatnn.cpp), starts at s = 1 and takes c = 1. Activations: bits=ternary is signed {-1,0,1}, bits=uternary
// {0,1,2}, bits=k (0, 2^k - 1).
// Paper: Esser, McKinstry, Bablani, Appuswamy, Modha, "Learned step size quantization", 2020, equations 1 to 5.
#include <algorithm>

#include "quant/quant_util.hpp"

namespace tern {
namespace {

constexpr float kLeastStep = 1e-6f;

struct Levels {
  int below = 1, above = 1;  // Qn, Qp
};

Levels levels_of(const QuantSpec& spec, bool weights) {
  const std::string bits = spec.text("bits", "ternary");
  if (bits == "ternary") return {1, 1};
  if (bits == "uternary" && !weights) return {0, 2};
  const int k = spec.integer("bits", 2);
  const int most = weights ? 7 : 6;
  if (k < (weights ? 2 : 1) || k > most) {
    throw ValueError("[lsq] expected bits=ternary" + std::string(weights ? "" : ", uternary") + " or a number up to " +
                     std::to_string(most) + "; got \"" + bits + "\"");
  }
  return weights ? Levels{1 << (k - 1), (1 << (k - 1)) - 1} : Levels{0, (1 << k) - 1};
}

template <class T>
T level(T v, T s, const Levels& q) {
  return clip(rne(v / s), static_cast<T>(-q.below), static_cast<T>(q.above));
}

// dv and ds (without c).
template <class T>
Tensor backward_through(const Tensor& v, const Tensor& dq, T s, const Levels& q, T dv_factor, bool scaled, double& ds) {
  constexpr std::int64_t kChunk = 1 << 13;
  const std::int64_t n = v.numel(), chunks = (n + kChunk - 1) / kChunk;
  const Tensor dv = Tensor::empty(v.shape(), v.dtype());
  std::vector<double> partial(static_cast<std::size_t>(chunks));
  const T *p = v.data<T>(), *g = dq.data<T>();
  T* to = dv.data<T>();
  const T low = static_cast<T>(-q.below), high = static_cast<T>(q.above);
  parallel_for(chunks, [&](std::int64_t c) {
    double sum = 0;
    for (std::int64_t i = c * kChunk; i < std::min(n, (c + 1) * kChunk); ++i) {
      const T u = p[i] / s;
      const bool inside = low < u && u < high;
      to[i] = inside ? g[i] * dv_factor : T(0);
      const T slope = u <= low ? low : (u >= high ? high : rne(u) - u);
      sum += static_cast<double>(g[i]) * static_cast<double>(slope);
    }
    partial[static_cast<std::size_t>(c)] = sum;
  });
  ds = 0;
  if (scaled) {
    for (const double x : partial) ds += x;
  }
  return dv;
}

class LsqWeight final : public WeightQuantizer {
 public:
  explicit LsqWeight(const QuantSpec& spec) : levels_(levels_of(spec, true)), step_(learnable(Shape{1}, 1.0)) {
    spec.allow_only({"bits", "preset"});
    const std::string preset = spec.text("preset", "original");
    if (preset != "original" && preset != "fatnn") {
      throw ValueError("[lsq] expected preset=original or preset=fatnn; got \"" + preset + "\"");
    }
    fatnn_ = preset == "fatnn";
  }

  std::vector<NamedTensor> learnables() override { return {{"step", step_}}; }

  void init(const Tensor& w) override {
    if (fatnn_ || w.numel() == 0) return;
    const Tensor dense = w.contiguous();
    *step_.data<float>() = 2 * mean_abs(dense.data<float>(), w.numel()) / std::sqrt(static_cast<float>(levels_.above));
    after_step();
  }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "lsq", [&](auto zero) {
      using T = decltype(zero);
      T inverse_std = 1;
      const Tensor x = normalised<T>(w, inverse_std);
      const T s = static_cast<T>(*step_.data<float>());
      const Levels q = levels_;
      const Tensor out = map<T>(x, [=](T v) { return s * level(v, s, q); });
      return record("lsq", out, {w, step_}, [this, x, s, q, inverse_std](const Tensor& dq) {
        double ds = 0;
        const Tensor dw = backward_through<T>(x, dq.contiguous(), s, q, inverse_std, true, ds);
        const double c = fatnn_ ? 1.0 : 1 / std::sqrt(static_cast<double>(x.numel()) * q.above);
        return std::vector<Tensor>{dw, Tensor::full(Shape{1}, c * ds)};
      });
    });
  }

  void after_step() override {
    float& s = *step_.data<float>();
    s = std::max(std::abs(s), kLeastStep);
  }

  WeightCodes deploy(const Tensor& w) const override {
    float inverse_std = 1;
    const Tensor x = normalised<float>(w, inverse_std);
    const float s = *step_.data<float>();
    WeightCodes out;
    out.shape = w.shape();
    out.max_code = std::max(levels_.below, levels_.above);
    for (const float v : x.span<float>()) out.codes.push_back(static_cast<std::int8_t>(level(v, s, levels_)));
    out.scale_pos.assign(static_cast<std::size_t>(w.size(0)), s);
    out.scale_neg = out.scale_pos;
    return out;
  }

 private:
  template <class T>
  Tensor normalised(const Tensor& w, T& inverse_std) const {
    inverse_std = 1;
    return fatnn_ ? normalise_weights<T>(w, inverse_std) : w.contiguous();
  }

  Levels levels_;
  Tensor step_;
  bool fatnn_;
};

class LsqAct final : public ActQuantizer {
 public:
  explicit LsqAct(const QuantSpec& spec) : levels_(levels_of(spec, false)), step_(learnable(Shape{1}, 1.0)) {
    spec.allow_only({"bits"});
  }

  std::vector<NamedTensor> learnables() override { return {{"step", step_}}; }

  void init(const Tensor& v) override {
    if (v.numel() == 0) return;
    const Tensor dense = v.to(DType::kF32).contiguous();
    const double mean = mean_abs_parallel(dense.data<float>(), dense.numel());
    *step_.data<float>() = static_cast<float>(2 * mean / std::sqrt(static_cast<double>(levels_.above)));
    after_step();
  }

  Tensor forward(const Tensor& v, bool) override {
    return dispatch(v.dtype(), "lsq", [&](auto zero) {
      using T = decltype(zero);
      const Tensor x = v.contiguous();
      const T s = static_cast<T>(*step_.data<float>());
      const Levels q = levels_;
      const Tensor out = map<T>(x, [=](T a) { return s * level(a, s, q); });
      return record("lsq", out, {v, step_}, [x, s, q](const Tensor& dq) {
        double ds = 0;
        const Tensor dv = backward_through<T>(x, dq.contiguous(), s, q, T(1), true, ds);
        const double features = static_cast<double>(x.numel()) / static_cast<double>(std::max<std::int64_t>(x.size(0), 1));
        return std::vector<Tensor>{dv, Tensor::full(Shape{1}, ds / std::sqrt(features * q.above))};
      });
    });
  }

  void after_step() override {
    float& s = *step_.data<float>();
    s = std::max(std::abs(s), kLeastStep);
  }
  int lo() const override { return -levels_.below; }
  int hi() const override { return levels_.above; }
  float step() const override { return *step_.data<float>(); }
  int code(float v) const override { return static_cast<int>(level(v, *step_.data<float>(), levels_)); }

 private:
  Levels levels_;
  Tensor step_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_weight_lsq(const QuantSpec& spec, const Shape&) { return std::make_unique<LsqWeight>(spec); }
std::unique_ptr<ActQuantizer> make_act_lsq(const QuantSpec& spec) { return std::make_unique<LsqAct>(spec); }

}  // namespace tern
