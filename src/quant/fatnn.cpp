// FATNN: ternary codes without a scale, and a learned step on each side. A1 = max(|a1|, 1e-4), A2 = max(|a2|, 1e-4).
//
// Signed {-1, 0, 1}: weights and activations.
//   u1 = x / A1,  u2 = x / A2,  q = rne(clip(u1, -1, 0)) + rne(clip(u2, 0, 1))
//   dx  = dq (1{-1 < u1 < 0} / A1 + 1{0 < u2 < 1} / A2)
//   da1 = sgn(a1) sum dq (-x / A1^2) 1{-1 < u1 < 0},   da2 = sgn(a2) sum dq (-x / A2^2) 1{0 < u2 < 1}
// Weights are normalised first unless norm=0: x = (w - mean) / std over the layer, both constants, dw = dx / std.
//
// Unsigned {0, 1, 2}: activations after (or in place of) a ReLU, mode=unsigned.
//   u1 = v / A1,  u2 = (v - A1) / A2,  q = rne(clip(u1, 0, 1)) + rne(clip(u2, 0, 1))
//   dv  = dq (1{0 < u1 < 1} / A1 + 1{0 < u2 < 1} / A2)
//   da1 = sgn(a1) sum dq (-v / A1^2 1{0 < u1 < 1} - 1/A2 1{0 < u2 < 1})
//   da2 = sgn(a2) sum dq (-(v - A1) / A2^2) 1{0 < u2 < 1}
//
// rne(clip(u, 0, 1)) is 1 if u > 1/2, else 0 (a tie goes to the even 0). Both steps start at 1; no gradient scaling.
// Paper: Chen, Zhuang, Shen, "FATNN: fast and accurate ternary neural networks", 2021, equations 8 to 10.
// Differs: equation 10 has an unbalanced bracket, read here as its figure and its code have it. The magnitude of a step
// is at least 1e-4. The paper takes weight normalisation from IR-Net (Qin et al., 2020) without an equation: there mean
// and deviation are those of a filter and differentiated, here those of the layer and constants.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

constexpr float kMagnitudeFloor = 1e-4f;

/// a1 and a2 as leaves.
struct Steps {
  Tensor a1 = learnable(Shape{1}, 1.0), a2 = learnable(Shape{1}, 1.0);

  std::vector<NamedTensor> named() const { return {{"a1", a1}, {"a2", a2}}; }
  void reset() const {
    a1.fill(1.0);
    a2.fill(1.0);
  }
  void project() const {
    project_magnitude(a1, kMagnitudeFloor);
    project_magnitude(a2, kMagnitudeFloor);
  }
};

/// A1 and A2 at the time of a forward, with the signs that the gradients of a1 and a2 need.
template <class T>
struct Effective {
  explicit Effective(const Steps& s)
      : a1(std::max(std::abs(at(s.a1)), kMagnitudeFloor)),
        a2(std::max(std::abs(at(s.a2)), kMagnitudeFloor)),
        sign1(sign_of(at(s.a1))),
        sign2(sign_of(at(s.a2))) {}

  T signed_level(T x) const { return (x / a2 > T(0.5) ? T(1) : T(0)) - (x / a1 >= T(-0.5) ? T(0) : T(1)); }
  T unsigned_level(T v) const { return (v / a1 > T(0.5) ? T(1) : T(0)) + ((v - a1) / a2 > T(0.5) ? T(1) : T(0)); }

  T a1, a2;
  double sign1, sign2;
};

template <class T>
std::vector<Tensor> signed_gradients(const Tensor& x, const Tensor& dq, const Effective<T>& e, T std) {
  const T a1 = e.a1, a2 = e.a2;
  const auto in1 = [a1](T v) { return inside(v / a1, T(-1), T(0)); };
  const auto in2 = [a2](T v) { return inside(v / a2, T(0), T(1)); };
  const T slope1 = 1 / a1, slope2 = 1 / a2;
  const auto out = gradients<T>(
      x, dq, [=](T v, T g) { return g * (only(in1(v), slope1) + only(in2(v), slope2)) / std; },
      [=](T v, T g) { return only(in1(v), g * (-v / (a1 * a1))); },
      [=](T v, T g) { return only(in2(v), g * (-v / (a2 * a2))); });
  return {out.dx, one(e.sign1 * out.sums[0]), one(e.sign2 * out.sums[1])};
}

template <class T>
std::vector<Tensor> unsigned_gradients(const Tensor& x, const Tensor& dq, const Effective<T>& e) {
  const T a1 = e.a1, a2 = e.a2;
  const auto in1 = [a1](T v) { return inside(v / a1, T(0), T(1)); };
  const auto in2 = [a1, a2](T v) { return inside((v - a1) / a2, T(0), T(1)); };
  const T slope1 = 1 / a1, slope2 = 1 / a2;
  const auto out = gradients<T>(
      x, dq, [=](T v, T g) { return g * (only(in1(v), slope1) + only(in2(v), slope2)); },
      [=](T v, T g) { return g * (only(in1(v), -v / (a1 * a1)) - only(in2(v), slope2)); },
      [=](T v, T g) { return only(in2(v), g * (-(v - a1) / (a2 * a2))); });
  return {out.dx, one(e.sign1 * out.sums[0]), one(e.sign2 * out.sums[1])};
}

class FatnnWeights final : public WeightQuantizer {
 public:
  explicit FatnnWeights(const QuantSpec& spec) : normalize_(spec.flag("norm")) {}

  std::vector<NamedTensor> learnables() override { return steps_.named(); }
  void init(const Tensor&) override { steps_.reset(); }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "fatnn", [&](auto zero) {
      using T = decltype(zero);
      const Normalized<T> x = input<T>(w.contiguous());
      const Effective<T> e(steps_);
      return record("fatnn", values(levels(x, e), w.shape()), {w, steps_.a1, steps_.a2},
                    [x, e](const Tensor& dq) { return signed_gradients(x.wh, dq, e, x.std); });
    });
  }

  void after_step() override { steps_.project(); }
  WeightCodes deploy(const Tensor& w) const override {
    return packed(levels(input<float>(dense_float(w)), Effective<float>(steps_)), w.shape());
  }

 private:
  template <class T>
  Normalized<T> input(const Tensor& w) const {
    return normalize_ ? normalized<T>(w) : Normalized<T>{w};
  }
  template <class T>
  static Levels<T> levels(const Normalized<T>& x, const Effective<T>& e) {
    Levels<T> l(groups_of(x.wh.shape(), false));
    l.set_scale(0, T(1));
    assign_codes(x.wh.template data<T>(), x.wh.numel(), l.group(0), [e](T v) { return e.signed_level(v); });
    return l;
  }

  bool normalize_;
  Steps steps_;
};

class FatnnActs final : public ActQuantizer {
 public:
  explicit FatnnActs(const QuantSpec& spec) : unsigned_(spec.text("mode") == "unsigned") {}

  std::vector<NamedTensor> learnables() override { return steps_.named(); }
  void init(const Tensor&) override { steps_.reset(); }

  Tensor forward(const Tensor& v, bool) override {
    return dispatch(v.dtype(), "fatnn", [&](auto zero) {
      using T = decltype(zero);
      const Tensor x = v.contiguous();
      const Effective<T> e(steps_);
      const bool from_zero = unsigned_;
      const Tensor q = from_zero ? map<T>(x, [e](T value) { return e.unsigned_level(value); })
                                 : map<T>(x, [e](T value) { return e.signed_level(value); });
      return record("fatnn", q, {v, steps_.a1, steps_.a2}, [x, e, from_zero](const Tensor& dq) {
        return from_zero ? unsigned_gradients(x, dq, e) : signed_gradients(x, dq, e, T(1));
      });
    });
  }

  void after_step() override { steps_.project(); }
  int lo() const override { return unsigned_ ? 0 : -1; }
  int hi() const override { return unsigned_ ? 2 : 1; }
  float step() const override { return 1.0f; }
  int code(float v) const override {
    const Effective<float> e(steps_);
    return static_cast<int>(unsigned_ ? e.unsigned_level(v) : e.signed_level(v));
  }

 private:
  bool unsigned_;
  Steps steps_;
};

}  // namespace

WeightMethod weight_fatnn() {
  return {{{"norm", "1", "0|1", "normalise the layer's weights first"}}, make_weights<FatnnWeights>};
}
ActMethod act_fatnn() {
  return {{{"mode", "signed", "signed|unsigned", "{-1, 0, 1}, or {0, 1, 2} after or in place of a ReLU"}},
          make_acts<FatnnActs>};
}

}  // namespace tern::quant
