// TAS: ternary weights and activations with a learned threshold factor delta.
//
// Weights, a filter of n elements:   m = E|w|,  D = delta m,  q = +ap if w > D, -an if w < -D, else 0
//   dap = sum over {w > D} of dq,   dan = - sum over {w < -D} of dq
//   dw  = ap dq (w > D),  dq (|w| <= D),  an dq (w < -D)
//   delta_grad=window (default): each step of q smoothed by a box of half-width h D,
//     ddelta = 1/(2 h delta) [ - sum_{w > 0, ||w| - D| <= h D} ap dq + sum_{w < 0, ||w| - D| <= h D} an dq ] / sqrt(n)
//   delta_grad=consistent: (-ap sum_{w > D} dq + an sum_{w < -D} dq) m
//   delta_grad=paper: (sum_{w > D} dq + sum_{w < -D} dq) m
//   If nothing survives the threshold, the element of largest magnitude does (the first of equals).
//   ap, an >= 1e-4, delta in [0.05, 2].
//
// Activations:   D = delta E|v|,  q = +1, 0, -1 by strict comparison with +-D
//   dv = dq 1{|v| <= 1}   (ste=v_le_2d: |v| <= 2D)
//   ddelta: the window estimator with ap = an = 1, divided by sqrt(C H W)
//   E|v| is the batch's in training and a running average at inference.
//   mode=signed (default) replaces the ReLU; mode=relu01 is ReLU, then the same ({0,1}); mode=relu012 is ReLU, then
//   FATNN's unsigned levels {0,1,2}.
//
// Paper: Loni, Mousavi, Riazati, Daneshtalab, Sjodin, "TAS: ternarized neural architecture search for
// resource-constrained edge devices", 2022, equations 4, 5 and the unnumbered one after it.
// Differs: equation 5 prints dan without the minus that the level -an gives it. The printed gradient of delta has a
// wrong scale, equal signs for both sides and no correlation with the slope of the loss: kept as delta_grad=paper with
// the factor dD/ddelta = E|w|. The 1/sqrt(n) of the window estimator (off with delta_grad_scale=0) balances it as LSQ
// does. "Kernel" is read as filter: delta is one number a filter, not one a 2-D slice. The paper has no words on how
// its activations are ternarised: what stands above is ours.
#include "quant/two_scales.hpp"

namespace tern::quant {
namespace {

constexpr float kLeastDelta = 0.05f, kLargestDelta = 2.0f;

/// One element's part of the window estimator, without the factor 1/(2 h delta).
template <class T>
T window_term(T x, T g, T threshold, T half_width, T pos, T neg) {
  const bool near = std::abs(std::abs(x) - threshold) <= half_width;
  return only(near, only(x > 0, -pos * g) + only(x < 0, neg * g));
}

/// How delta learns.
struct DeltaRule {
  DeltaRule(const QuantSpec& spec, std::string gradient)
      : learn(spec.flag("learn_delta")),
        scaled(spec.flag("delta_grad_scale")),
        h(spec.number("h")),
        mode(std::move(gradient)) {}
  /// What the sum of window terms over one sample or filter of n elements is multiplied with.
  double factor(double delta, std::int64_t n) const {
    return 1 / (2 * h * delta) / (scaled ? std::sqrt(static_cast<double>(n)) : 1.0);
  }
  bool learn, scaled;
  double h;
  std::string mode;
};

class TasWeights final : public WeightQuantizer {
 public:
  TasWeights(const QuantSpec& spec, const Shape& shape)
      : rule_(spec, spec.text("delta_grad")),
        initial_delta_(spec.number("delta")),
        ap_(learnable(Shape{shape[0]}, 1.0)),
        an_(learnable(Shape{shape[0]}, 1.0)),
        delta_(Tensor::full(Shape{shape[0]}, initial_delta_).set_requires_grad(rule_.learn)) {}

  std::vector<NamedTensor> learnables() override {
    std::vector<NamedTensor> out{{"ap", ap_}, {"an", an_}};
    if (rule_.learn) out.push_back({"delta", delta_});
    return out;
  }

  void init(const Tensor& w) override {
    const Tensor dense = dense_float(w);
    const Groups groups = groups_of(w.shape(), true);
    delta_.fill(initial_delta_);
    for_groups(groups, [&](std::int64_t f) {
      const float* p = dense.data<float>() + f * groups.size;
      const float threshold = at(delta_, f) * narrow<float>(mean_abs(p, groups.size));
      at(ap_, f) = side_scale(p, groups.size, threshold, 1.0f);
      at(an_, f) = side_scale(p, groups.size, threshold, -1.0f);
    });
  }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "tas", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = w.contiguous(), delta = delta_.detach().clone();
      const auto l = std::make_shared<const Levels<T>>(levels<T>(dense));
      const Tensor q = values(*l, w.shape());
      return record("tas", q, {w, ap_, an_, delta_}, [rule = rule_, l, dense, delta](const Tensor& dq) {
        const TwoScaleGradients d = two_scale_gradients(*l, dq, dense.shape());
        const Tensor dap = Tensor::empty(delta.shape()), dan = Tensor::empty(delta.shape());
        for (std::int64_t f = 0; f < delta.numel(); ++f) {
          at(dap, f) = static_cast<float>(d.dpos[static_cast<std::size_t>(f)]);
          at(dan, f) = static_cast<float>(d.dneg[static_cast<std::size_t>(f)]);
        }
        return std::vector<Tensor>{d.dw, dap, dan, delta_gradient(rule, *l, dense, dq.contiguous(), delta, d)};
      });
    });
  }

  void after_step() override {
    project(ap_, 1e-4f, kLargestScale);
    project(an_, 1e-4f, kLargestScale);
    project(delta_, kLeastDelta, kLargestDelta);
  }

  WeightCodes deploy(const Tensor& w) const override { return packed(levels<float>(dense_float(w)), w.shape()); }

 private:
  template <class T>
  Levels<T> levels(const Tensor& w) const {
    Levels<T> l(groups_of(w.shape(), true));
    const std::int64_t n = l.groups.size;
    for_groups(l.groups, [&](std::int64_t f) {
      const T* p = w.data<T>() + f * n;
      const T d = threshold<T>(p, n, at(delta_, f));
      std::int8_t* codes = l.group(f);
      assign_codes(p, n, codes, [d](T x) { return ternary_sign(x, d); });
      if (n > 0 && std::all_of(codes, codes + n, [](std::int8_t c) { return c == 0; })) {
        const auto largest = std::max_element(p, p + n, [](T a, T b) { return std::abs(a) < std::abs(b); }) - p;
        codes[largest] = static_cast<std::int8_t>(ternary_sign(p[largest], T(0)));
      }
      l.pos[static_cast<std::size_t>(f)] = static_cast<T>(at(ap_, f));
      l.neg[static_cast<std::size_t>(f)] = static_cast<T>(at(an_, f));
    });
    return l;
  }

  template <class T>
  static T threshold(const T* w, std::int64_t n, float delta) {
    return static_cast<T>(delta) * narrow<T>(mean_abs(w, n));
  }

  template <class T>
  static Tensor delta_gradient(const DeltaRule& rule, const Levels<T>& l, const Tensor& w, const Tensor& dq,
                               const Tensor& delta, const TwoScaleGradients& d) {
    if (!rule.learn) return {};
    const Tensor out = Tensor::empty(delta.shape());
    const std::int64_t n = l.groups.size;
    for_groups(l.groups, [&](std::int64_t f) {
      const T* p = w.data<T>() + f * n;
      const T* g = dq.data<T>() + f * n;
      const T pos = l.scale_pos(f), neg = l.scale_neg(f);
      const double dpos = d.dpos[static_cast<std::size_t>(f)], dneg = d.dneg[static_cast<std::size_t>(f)];
      double slope = 0;
      if (rule.mode == "window") {
        const T t = threshold(p, n, at(delta, f)), half = static_cast<T>(rule.h) * t;
        slope = rule.factor(static_cast<double>(at(delta, f)), n) *
                sum_of(n, [=](std::int64_t i) { return window_term(p[i], g[i], t, half, pos, neg); });
      } else if (rule.mode == "consistent") {
        slope = (-static_cast<double>(pos) * dpos - static_cast<double>(neg) * dneg) * mean_abs(p, n);
      } else {
        slope = (dpos - dneg) * mean_abs(p, n);
      }
      at(out, f) = static_cast<float>(slope);
    });
    return out;
  }

  DeltaRule rule_;
  double initial_delta_;
  Tensor ap_, an_, delta_;
};

class TasActs final : public ActQuantizer {
 public:
  explicit TasActs(const QuantSpec& spec)
      : rule_(spec, "window"),
        initial_delta_(spec.number("delta")),
        relu_(spec.text("mode") == "relu01"),
        window_is_2d_(spec.text("ste") == "v_le_2d"),
        delta_(Tensor::full(Shape{1}, initial_delta_).set_requires_grad(rule_.learn)) {}

  std::vector<NamedTensor> learnables() override {
    if (!rule_.learn) return {};
    return {{"delta", delta_}};
  }
  std::vector<NamedTensor> states() override { return {mean_.state()}; }

  void init(const Tensor& v) override {
    delta_.fill(initial_delta_);
    const Tensor dense = dense_float(v);
    mean_.set(batch_mean<float>(dense));
  }

  Tensor forward(const Tensor& v, bool training) override {
    return dispatch(v.dtype(), "tas", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = v.contiguous();
      T mean = static_cast<T>(mean_.value());
      if (training) {
        const double batch = batch_mean<T>(dense);
        mean_.update(batch);
        mean = narrow<T>(batch);
      }
      const T delta = static_cast<T>(at(delta_)), d = delta * mean;
      const bool relu = relu_;
      const Tensor q = map<T>(dense, [d, relu](T x) { return level(x, d, relu); });
      const T reach = window_is_2d_ ? 2 * d : T(1), half = static_cast<T>(rule_.h) * d;
      const double factor = rule_.factor(static_cast<double>(delta), features(dense));
      return record("tas", q, {v, delta_}, [=](const Tensor& dq) {
        const auto below = relu ? T(0) : -std::numeric_limits<T>::infinity();
        const auto out = gradients<T>(
            dense, dq, [=](T x, T g) { return only(std::abs(x) <= reach, only(x > below, g)); },
            [=](T x, T g) { return window_term(x, g, d, half, T(1), relu ? T(0) : T(1)); });
        return std::vector<Tensor>{out.dx, one(factor * out.sums[0])};
      });
    });
  }

  void after_step() override { project(delta_, kLeastDelta, kLargestDelta); }
  int lo() const override { return relu_ ? 0 : -1; }
  int hi() const override { return 1; }
  float step() const override { return 1.0f; }
  int code(float v) const override { return static_cast<int>(level(v, at(delta_) * mean_.value(), relu_)); }

 private:
  template <class T>
  static T level(T x, T threshold, bool relu) {
    return relu ? (x > threshold ? T(1) : T(0)) : ternary_sign(x, threshold);
  }
  /// E|v| of what the ternariser sees: after the ReLU in mode relu01.
  template <class T>
  double batch_mean(const Tensor& v) const {
    const T* p = v.data<T>();
    const std::int64_t n = v.numel();
    if (!relu_ || n == 0) return mean_abs(p, n);
    return sum_of(n, [p](std::int64_t i) { return p[i] > 0 ? p[i] : T(0); }) / static_cast<double>(n);
  }

  DeltaRule rule_;
  double initial_delta_;
  bool relu_, window_is_2d_;
  Tensor delta_;
  RunningMeanAbs mean_;
};

}  // namespace

WeightMethod weight_tas() {
  return {{{"delta", "0.7", "[0.05, 2]", "the threshold in units of E|w|, where it starts"},
           {"learn_delta", "1", "0|1", "0 keeps delta where it starts, for comparisons"},
           {"delta_grad", "window", "window|consistent|paper", "the gradient of delta", "learn_delta=1"},
           {"delta_grad_scale", "1", "0|1", "divide the window's sum by sqrt(n)", "learn_delta=1,delta_grad=window"},
           {"h", "0.25", "(0, 1e30]", "half-width of the window in units of D", "learn_delta=1,delta_grad=window"}},
          make_weights<TasWeights>};
}
ActMethod act_tas() {
  const std::string own = "mode=signed|relu01";
  return {{{"mode", "signed", "signed|relu01|relu012",
            "{-1, 0, 1}; a ReLU in front, {0, 1}; a ReLU in front, fatnn's {0, 1, 2}"},
           {"delta", "0.7", "[0.05, 2]", "the threshold in units of E|v|, where it starts", own},
           {"learn_delta", "1", "0|1", "0 keeps delta where it starts, for comparisons", own},
           {"delta_grad_scale", "1", "0|1", "divide the window's sum by sqrt(C H W)", own + ",learn_delta=1"},
           {"h", "0.25", "(0, 1e30]", "half-width of the window in units of D", own + ",learn_delta=1"},
           {"ste", "v_le_1", "v_le_1|v_le_2d", "the window of dv: |v| <= 1 or |v| <= 2D", own}},
          [](const QuantSpec& spec) {
            return spec.text("mode") == "relu012" ? make_act_quantizer({"fatnn", {{"mode", "unsigned"}}})
                                                  : make_acts<TasActs>(spec);
          }};
}

}  // namespace tern::quant
