// Ternary activations {-1, 0, 1} with a threshold that is not learned.
//   q = +1 if v > D, -1 if v < -D, else 0;   dv = dq 1{|v| <= 1}   (ste=v_le_2d: |v| <= 2D)
//   threshold=fixed: D = t
//   threshold=mean: D = factor * E|v|, of the batch in training, of a running average over training batches at
//   inference
// Keys: ternary, sttn (fixed 0.5), tbn (mean, factor 0.4), totnet (mean, factor 0.7).
// Papers: Wan et al., "TBN", 2018; Xu et al., "Soft threshold ternary networks", 2020; Nazari et al., "TOT-Net", 2019.
// Differs: E|v| of TBN is that of the input at hand, at inference too; the running average in its place gives what is
// deployed constant thresholds. TOT-Net's searched activation function in front is not here.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

class TernaryActs final : public ActQuantizer {
 public:
  explicit TernaryActs(const QuantSpec& spec)
      : from_mean_(spec.text("threshold") == "mean"),
        window_is_2d_(spec.text("ste") == "v_le_2d"),
        factor_(static_cast<float>(spec.number("factor"))),
        fixed_(static_cast<float>(spec.number("t"))) {}

  std::vector<NamedTensor> states() override {
    if (!from_mean_) return {};
    return {mean_.state()};
  }
  void init(const Tensor& v) override {
    const Tensor dense = dense_float(v);
    if (from_mean_) mean_.set(mean_abs(dense.data<float>(), dense.numel()));
  }

  Tensor forward(const Tensor& v, bool training) override {
    return dispatch(v.dtype(), "ternary", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = v.contiguous();
      T d = from_mean_ ? static_cast<T>(factor_) * static_cast<T>(mean_.value()) : static_cast<T>(fixed_);
      if (training && from_mean_) {
        const double batch = mean_abs(dense.data<T>(), dense.numel());
        mean_.update(batch);
        d = static_cast<T>(factor_) * narrow<T>(batch);
      }
      const T reach = window_is_2d_ ? 2 * d : T(1);
      return straight_through<T>(
          "ternary", v, [d](T x) { return ternary_sign(x, d); }, [reach](T x) { return std::abs(x) <= reach; });
    });
  }

  int lo() const override { return -1; }
  int hi() const override { return 1; }
  float step() const override { return 1.0f; }
  int code(float v) const override {
    return static_cast<int>(ternary_sign(v, from_mean_ ? factor_ * mean_.value() : fixed_));
  }

 private:
  bool from_mean_, window_is_2d_;
  float factor_, fixed_;
  RunningMeanAbs mean_;
};

ActMethod method(const std::string& threshold, const std::string& factor) {
  return {{{"threshold", threshold, "fixed|mean", "D = t, or D = factor E|v|"},
           {"t", "0.5", "(0, 1e30]", "the threshold", "threshold=fixed"},
           {"factor", factor, "(0, 1e30]", "of E|v|", "threshold=mean"},
           {"ste", "v_le_1", "v_le_1|v_le_2d", "the window of the gradient: |v| <= 1 or |v| <= 2D"}},
          make_acts<TernaryActs>};
}

}  // namespace

ActMethod act_ternary() { return method("fixed", "0.7"); }
ActMethod act_sttn() { return method("fixed", "0.7"); }
ActMethod act_tbn() { return method("mean", "0.4"); }
ActMethod act_totnet() { return method("mean", "0.7"); }

}  // namespace tern::quant
