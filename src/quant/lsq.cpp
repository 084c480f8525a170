// LSQ: uniform levels s * {-Qn .. Qp} with a learned step s, for weights and activations.
//   u = x / s,  t = clip(rne(u), -Qn, Qp),  q = s t
//   dx = dq 1{-Qn < u < Qp}
//   ds = sgn(s) c sum dq {-Qn if u <= -Qn;  Qp if u >= Qp;  rne(u) - u otherwise}
//   (Qn, Qp): bits=ternary (default) (1, 1); bits=k weights (2^(k-1), 2^(k-1) - 1), activations (0, 2^k - 1);
//   bits=uternary activations (0, 2)
// preset=original (default): c = 1 / sqrt(N Qp), N = elements of the weights, or of one sample's activations; s starts
// at 2 E|x| / sqrt(Qp). preset=fatnn: c = 1, s starts at 1, weights (not activations) are normalised first:
// x = (w - mean) / std, dw = dx / std.
// Paper: Esser, McKinstry, Bablani, Appuswamy, Modha, "Learned step size quantization", 2020, equations 1 to 5, section
// 2.2. Differs: the step enters as max(|s|, 1e-6); ternary codes are ours, the paper has 2 to 8 bits.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

constexpr float kStepFloor = 1e-6f;

/// Codes are -qn .. qp.
struct CodeRange {
  int qn, qp;
};

/// The range of codes, the step and the preset: all that weights and activations have in common.
class Lsq {
 public:
  Lsq(const QuantSpec& spec, CodeRange range)
      : qn_(range.qn), qp_(range.qp), original_(spec.text("preset") == "original") {}

  int qn() const { return qn_; }
  int qp() const { return qp_; }
  bool original() const { return original_; }
  const Tensor& leaf() const { return step_; }
  float step() const { return std::max(std::abs(at(step_)), kStepFloor); }
  void project() const { project_magnitude(step_, kStepFloor); }
  void init(const Tensor& x) const {
    if (!original_) return step_.fill(1.0);
    const Tensor dense = dense_float(x);
    const double s = 2 * mean_abs(dense.data<float>(), dense.numel()) / std::sqrt(static_cast<double>(qp_));
    at(step_) = std::clamp(narrow<float>(s), kStepFloor, kLargestScale);
  }

  /// t as a function of x.
  template <class T>
  auto level() const {
    const T s = static_cast<T>(step()), lo = static_cast<T>(-qn_), hi = static_cast<T>(qp_);
    return [s, lo, hi](T x) { return rne(clip(x / s, lo, hi)); };
  }

  /// The backward: {dx, ds}. n: elements that c counts.
  template <class T>
  BackwardFn backward(const Tensor& x, std::int64_t n, T std = 1) const {
    const T s = static_cast<T>(step()), lo = static_cast<T>(-qn_), hi = static_cast<T>(qp_);
    const double c = original_ ? 1 / std::sqrt(static_cast<double>(n) * qp_) : 1.0;
    return [=, sign = static_cast<double>(sign_of(at(step_)))](const Tensor& dq) {
      const auto out = gradients<T>(
          x, dq, [=](T v, T g) { return only(inside(v / s, lo, hi), g / std); },
          [=](T v, T g) {
            const T u = v / s, t = rne(clip(u, lo, hi));  // outside, t is the clip edge itself
            return g * (t - only(inside(u, lo, hi), u));
          });
      return std::vector<Tensor>{out.dx, one(sign * c * out.sums[0])};
    };
  }

 private:
  int qn_, qp_;
  bool original_;
  Tensor step_ = learnable(Shape{1}, 1.0);
};

class LsqWeights final : public WeightQuantizer {
 public:
  explicit LsqWeights(const QuantSpec& spec) : lsq_(spec, range(spec)) {}

  std::vector<NamedTensor> learnables() override { return {{"step", lsq_.leaf()}}; }
  void init(const Tensor& w) override { lsq_.init(w); }
  void after_step() override { lsq_.project(); }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "lsq", [&](auto zero) {
      using T = decltype(zero);
      const Normalized<T> x = input<T>(w.contiguous());
      return record("lsq", values(levels(x), w.shape()), {w, lsq_.leaf()}, lsq_.backward<T>(x.wh, w.numel(), x.std));
    });
  }

  WeightCodes deploy(const Tensor& w) const override {
    return packed(levels(input<float>(dense_float(w))), w.shape(), std::max(lsq_.qn(), lsq_.qp()));
  }

 private:
  static CodeRange range(const QuantSpec& spec) {
    if (spec.text("bits") == "ternary") return {1, 1};
    const int half = 1 << (spec.integer("bits") - 1);
    return {half, half - 1};
  }
  template <class T>
  Normalized<T> input(const Tensor& w) const {
    return lsq_.original() ? Normalized<T>{w} : normalized<T>(w);
  }
  template <class T>
  Levels<T> levels(const Normalized<T>& x) const {
    Levels<T> l(groups_of(x.wh.shape(), false));
    l.set_scale(0, static_cast<T>(lsq_.step()));
    assign_codes(x.wh.template data<T>(), x.wh.numel(), l.group(0), lsq_.level<T>());
    return l;
  }

  Lsq lsq_;
};

class LsqActs final : public ActQuantizer {
 public:
  explicit LsqActs(const QuantSpec& spec) : lsq_(spec, range(spec)) {}

  std::vector<NamedTensor> learnables() override { return {{"step", lsq_.leaf()}}; }
  void init(const Tensor& v) override { lsq_.init(v); }
  void after_step() override { lsq_.project(); }

  Tensor forward(const Tensor& v, bool) override {
    return dispatch(v.dtype(), "lsq", [&](auto zero) {
      using T = decltype(zero);
      const Tensor x = v.contiguous();
      const T s = static_cast<T>(lsq_.step());
      const Tensor q = map<T>(x, [s, level = lsq_.level<T>()](T value) { return s * level(value); });
      return record("lsq", q, {v, lsq_.leaf()}, lsq_.backward<T>(x, features(x)));
    });
  }

  int lo() const override { return -lsq_.qn(); }
  int hi() const override { return lsq_.qp(); }
  float step() const override { return lsq_.step(); }
  int code(float v) const override { return static_cast<int>(lsq_.level<float>()(v)); }

 private:
  static CodeRange range(const QuantSpec& spec) {
    const std::string bits = spec.text("bits");
    if (bits == "ternary") return {1, 1};
    if (bits == "uternary") return {0, 2};
    return {0, (1 << spec.integer("bits")) - 1};
  }

  Lsq lsq_;
};

}  // namespace

WeightMethod weight_lsq() {
  return {{{"bits", "ternary", "ternary|2..7", "codes -1, 0, 1, or those of k bits, -2^(k-1) .. 2^(k-1) - 1"},
           {"preset", "original", "original|fatnn",
            "c = 1/sqrt(N Qp) and s from 2 E|w|/sqrt(Qp), or c = s = 1 and normalised weights"}},
          make_weights<LsqWeights>};
}
ActMethod act_lsq() {
  return {{{"bits", "ternary", "ternary|uternary|1..7", "codes -1, 0, 1, or 0, 1, 2, or those of k bits, 0 .. 2^k - 1"},
           {"preset", "original", "original|fatnn", "c = 1/sqrt(N Qp) and s from 2 E|v|/sqrt(Qp), or c = s = 1"}},
          make_acts<LsqActs>};
}

}  // namespace tern::quant
