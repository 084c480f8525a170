// TAS: ternary weights with a learned threshold and two learned scales per filter, and ternary activations with a learned
// threshold per layer.
//
// Weights, per filter of n elements: m = E|w|, D = delta m; q = +ap if w > D, -an if w < -D, else 0; gradients of w, ap, an
// as in two_scales.hpp. Gradient of delta, by option delta_grad:
//   window (default)  threshold_gradient.hpp with h = 0.25, times n^(-1/2) unless delta_grad_scale=0
//   consistent        (-ap sum_{w > D} dq + an sum_{w < -D} dq) E|w|
//   paper             (sum_{w > D} dq + sum_{w < -D} dq) E|w|
// ap, an >= 1e-4; delta in [0.05, 2]; a filter without survivor keeps its largest weight. Init: delta 0.7, scales the means
// of |w| over the survivors.
//
// Activations: D = delta E|v|, q = ternary, dv = dq 1{|v| <= 1}; d delta by the window estimator with ap = an = 1 and scale
// 1/sqrt(features of a sample). E|v| is the batch's in training, an exponential average (momentum 0.1) in evaluation.
// Options: mode=signed (default) | relu01 (a ReLU in front, so the levels are {0, 1}).
// Paper: TAS, section 3.1. Differs: the printed gradient of delta has another scale and sign (mode paper keeps its sign).
#include <algorithm>

#include "quant/threshold_gradient.hpp"
#include "quant/two_scales.hpp"

namespace tern {
namespace {

constexpr double kWindow = 0.25;

class TasWeight final : public WeightQuantizer {
 public:
  TasWeight(const QuantSpec& spec, const Shape& shape)
      : ap_(learnable(Shape{shape[0]}, 1.0)), an_(learnable(Shape{shape[0]}, 1.0)), delta_(learnable(Shape{shape[0]}, 0.7)) {
    spec.allow_only({"delta_grad", "delta_grad_scale", "h", "delta"});
    mode_ = spec.text("delta_grad", "window");
    if (mode_ != "window" && mode_ != "consistent" && mode_ != "paper") {
      throw ValueError("[tas] expected delta_grad=window, consistent or paper; got \"" + mode_ + "\"");
    }
    balanced_ = spec.flag("delta_grad_scale", true);
    h_ = spec.number("h", kWindow);
    if (h_ <= 0) throw ValueError("[tas] expected h > 0");
    delta_.fill(spec.number("delta", 0.7));
    project_deltas(delta_);
  }

  std::vector<NamedTensor> learnables() override { return {{"ap", ap_}, {"an", an_}, {"delta", delta_}}; }

  void init(const Tensor& w) override {
    const Tensor dense = w.contiguous();
    const Groups f = groups_of(w.shape(), true);
    for (std::int64_t o = 0; o < f.count; ++o) {
      const float* p = dense.data<float>() + o * f.size;
      two_scales::init_scales(p, f.size, threshold(p, f.size, o), ap_.data<float>()[o], an_.data<float>()[o]);
    }
    after_step();
  }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "tas", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = w.contiguous();
      const Groups f = groups_of(w.shape(), true);
      const Tensor q = Tensor::empty(w.shape(), w.dtype());
      std::vector<T> thresholds;
      for (std::int64_t o = 0; o < f.count; ++o) {
        const T* p = dense.data<T>() + o * f.size;
        thresholds.push_back(threshold(p, f.size, o));
        two_scales::forward(p, f.size, thresholds.back(), static_cast<T>(ap_.data<float>()[o]),
                            static_cast<T>(an_.data<float>()[o]), q.data<T>() + o * f.size);
      }
      return record("tas", q, {w, ap_, an_, delta_}, [this, dense, f, thresholds](const Tensor& dq) {
        return gradients<T>(dense, f, thresholds, dq.contiguous());
      });
    });
  }

  void after_step() override {
    two_scales::project_scales(ap_);
    two_scales::project_scales(an_);
    project_deltas(delta_);
  }

  WeightCodes deploy(const Tensor& w) const override {
    const Tensor dense = w.contiguous();
    const Groups f = groups_of(w.shape(), true);
    WeightCodes out;
    out.shape = w.shape();
    for (std::int64_t o = 0; o < f.count; ++o) {
      const float* p = dense.data<float>() + o * f.size;
      const float d = threshold(p, f.size, o);
      for (std::int64_t i = 0; i < f.size; ++i) out.codes.push_back(static_cast<std::int8_t>(ternary_sign(p[i], d)));
    }
    const auto ap = ap_.span<float>(), an = an_.span<float>();
    out.scale_pos.assign(ap.begin(), ap.end());
    out.scale_neg.assign(an.begin(), an.end());
    return out;
  }

 private:
  // D, lowered to just below the largest magnitude if nothing would survive.
  template <class T>
  T threshold(const T* w, std::int64_t n, std::int64_t filter) const {
    const T d = static_cast<T>(delta_.data<float>()[filter]) * mean_abs(w, n);
    T largest = 0;
    for (std::int64_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(w[i]));
    return largest > d || largest == T(0) ? d : std::nextafter(largest, T(0));
  }

  template <class T>
  std::vector<Tensor> gradients(const Tensor& w, const Groups& f, const std::vector<T>& thresholds, const Tensor& dq) const {
    const Tensor dw = Tensor::empty(w.shape(), w.dtype());
    const Shape filters{f.count};
    const Tensor dap = Tensor::zeros(filters), dan = Tensor::zeros(filters), ddelta = Tensor::zeros(filters);
    for (std::int64_t o = 0; o < f.count; ++o) {
      const T* p = w.data<T>() + o * f.size;
      const T* g = dq.data<T>() + o * f.size;
      const T d = thresholds[static_cast<std::size_t>(o)];
      const double ap = static_cast<double>(ap_.data<float>()[o]), an = static_cast<double>(an_.data<float>()[o]);
      const double delta = static_cast<double>(delta_.data<float>()[o]);
      double sum_ap = 0, sum_an = 0;
      two_scales::backward(p, g, f.size, d, static_cast<T>(ap), static_cast<T>(an), dw.data<T>() + o * f.size, sum_ap, sum_an);
      dap.data<float>()[o] = static_cast<float>(sum_ap);
      dan.data<float>()[o] = static_cast<float>(sum_an);
      double slope = 0;
      if (mode_ == "window") {
        slope = window_sum(p, g, f.size, d, h_, ap, an) / (2 * h_ * delta);
        if (balanced_) slope /= std::sqrt(static_cast<double>(f.size));
      } else {
        const double mean = static_cast<double>(mean_abs(p, f.size));
        slope = (mode_ == "consistent" ? -ap * sum_ap - an * sum_an : sum_ap - sum_an) * mean;
      }
      ddelta.data<float>()[o] = static_cast<float>(slope);
    }
    return {dw, dap, dan, ddelta};
  }

  Tensor ap_, an_, delta_;
  std::string mode_;
  bool balanced_;
  double h_;
};

class TasAct final : public ActQuantizer {
 public:
  explicit TasAct(const QuantSpec& spec) : delta_(learnable(Shape{1}, 0.7)), mean_(Tensor::zeros(Shape{1})) {
    spec.allow_only({"mode", "delta"});
    const std::string mode = spec.text("mode", "signed");
    if (mode != "signed" && mode != "relu01") {
      throw ValueError("[tas] expected mode=signed or mode=relu01 (for {0,1,2} use fatnn:mode=unsigned); got \"" + mode + "\"");
    }
    relu_ = mode == "relu01";
    delta_.fill(spec.number("delta", 0.7));
    project_deltas(delta_);
  }

  std::vector<NamedTensor> learnables() override { return {{"delta", delta_}}; }
  std::vector<NamedTensor> states() override { return {{"mean_abs", mean_}}; }

  void init(const Tensor& v) override {
    const Tensor dense = rectified<float>(v.to(DType::kF32).contiguous());
    *mean_.data<float>() = static_cast<float>(mean_abs_parallel(dense.data<float>(), dense.numel()));
  }

  Tensor forward(const Tensor& v, bool training) override {
    return dispatch(v.dtype(), "tas", [&](auto zero) {
      using T = decltype(zero);
      const Tensor x = rectified<T>(v.contiguous());
      T d = static_cast<T>(threshold());
      if (training) {
        const double mean = mean_abs_parallel(x.data<T>(), x.numel());
        float& running = *mean_.data<float>();
        running = running == 0 ? static_cast<float>(mean) : 0.9f * running + 0.1f * static_cast<float>(mean);
        d = static_cast<T>(*delta_.data<float>()) * static_cast<T>(mean);
      }
      const Tensor q = map<T>(x, [d](T a) { return ternary_sign(a, d); });
      return record("tas", q, {v, delta_}, [this, x, d](const Tensor& dq) {
        const bool relu = relu_;
        const Tensor g = dq.contiguous();
        const Tensor dv = map2<T>(x, g, [relu](T a, T b) { return std::abs(a) <= T(1) && !(relu && a <= T(0)) ? b : T(0); });
        const double features = static_cast<double>(x.numel()) / static_cast<double>(std::max<std::int64_t>(x.size(0), 1));
        const double delta = static_cast<double>(*delta_.data<float>());
        const double slope = window_total<T>(x, g, d) / (2 * kWindow * delta) / std::sqrt(features);
        return std::vector<Tensor>{dv, Tensor::full(Shape{1}, slope)};
      });
    });
  }

  void after_step() override { project_deltas(delta_); }
  int lo() const override { return relu_ ? 0 : -1; }
  int hi() const override { return 1; }
  float step() const override { return 1.0f; }
  int code(float v) const override { return static_cast<int>(ternary_sign(relu_ && v < 0 ? 0.0f : v, threshold())); }

 private:
  float threshold() const { return *delta_.data<float>() * *mean_.data<float>(); }

  template <class T>
  Tensor rectified(const Tensor& v) const {
    return relu_ ? map<T>(v, [](T a) { return a > T(0) ? a : T(0); }) : v;
  }

  // window_sum over a large tensor: chunks on all threads, added in order.
  template <class T>
  static double window_total(const Tensor& x, const Tensor& g, T d) {
    constexpr std::int64_t kChunk = 1 << 14;
    const std::int64_t n = x.numel(), chunks = (n + kChunk - 1) / kChunk;
    std::vector<double> partial(static_cast<std::size_t>(chunks));
    parallel_for(chunks, [&](std::int64_t c) {
      partial[static_cast<std::size_t>(c)] = window_sum(x.data<T>() + c * kChunk, g.data<T>() + c * kChunk,
                                                        std::min(kChunk, n - c * kChunk), d, kWindow, 1.0, 1.0);
    });
    double sum = 0;
    for (const double p : partial) sum += p;
    return sum;
  }

  Tensor delta_, mean_;
  bool relu_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_weight_tas(const QuantSpec& spec, const Shape& shape) {
  return std::make_unique<TasWeight>(spec, shape);
}
std::unique_ptr<ActQuantizer> make_act_tas(const QuantSpec& spec) { return std::make_unique<TasAct>(spec); }

}  // namespace tern
