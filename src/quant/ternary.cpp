// Ternary activations {-1, 0, 1} with a threshold that is not learned.
//   q = +1 if v > D, -1 if v < -D, else 0;   dv = dq 1{|v| <= 1}   (ste=v_le_2d: |v| <= 2D)
//   threshold=fixed: D = t, 0.5 unless given
//   threshold=mean: D = factor * E|v|, of the batch in training, of a running average over training batches at
//   inference
// Keys: ternary (fixed), sttn (fixed 0.5), tbn (mean, factor 0.4), totnet (mean, factor 0.7).
// Papers: Wan et al., "TBN", 2018; Xu et al., "Soft threshold ternary networks", 2020; TOT-Net, 2019.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

class TernaryActs final : public ActQuantizer {
 public:
  TernaryActs(const QuantSpec& spec, bool mean_by_default, double factor) {
    spec.allow_only({"threshold", "t", "factor", "ste"});
    const std::string kind =
        mean_by_default ? choice(spec, "threshold", {"mean", "fixed"}) : choice(spec, "threshold", {"fixed", "mean"});
    from_mean_ = kind == "mean";
    fixed_ = static_cast<float>(positive(spec, "t", 0.5));
    factor_ = static_cast<float>(positive(spec, "factor", factor));
    window_is_2d_ = choice(spec, "ste", {"v_le_1", "v_le_2d"}) == "v_le_2d";
  }

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
  bool from_mean_ = false, window_is_2d_ = false;
  float factor_ = 0.7f, fixed_ = 0.5f;
  RunningMeanAbs mean_;
};

}  // namespace

std::unique_ptr<ActQuantizer> make_act_ternary(const QuantSpec& spec) {
  return std::make_unique<TernaryActs>(spec, false, 0.7);
}
std::unique_ptr<ActQuantizer> make_act_sttn(const QuantSpec& spec) {
  return std::make_unique<TernaryActs>(spec, false, 0.7);
}
std::unique_ptr<ActQuantizer> make_act_tbn(const QuantSpec& spec) {
  return std::make_unique<TernaryActs>(spec, true, 0.4);
}
std::unique_ptr<ActQuantizer> make_act_totnet(const QuantSpec& spec) {
  return std::make_unique<TernaryActs>(spec, true, 0.7);
}

}  // namespace tern::quant
