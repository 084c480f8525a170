// Ternary activations with a threshold that is not learned.
//   q = +1 if v > D, -1 if v < -D, else 0;   dv = dq * 1{|v| <= 1}
//   threshold=fixed (default): D = t, 0.5 unless given (STTN).
//   threshold=mean: D = factor * E|v| over the batch in training, over an exponential average (momentum 0.1) of training
//   batches in evaluation, so that what is deployed does not depend on the test batch. factor: 0.7 (TOT-Net), 0.4 (TBN).
#include "quant/quant_util.hpp"

namespace tern {
namespace {

class TernaryAct final : public ActQuantizer {
 public:
  explicit TernaryAct(const QuantSpec& spec, const std::string& default_kind = "fixed", double default_factor = 0.7) {
    spec.allow_only({"threshold", "t", "factor"});
    const std::string kind = spec.text("threshold", default_kind);
    if (kind != "fixed" && kind != "mean") {
      throw ValueError("[" + spec.key + "] expected threshold=fixed or threshold=mean; got \"" + kind + "\"");
    }
    from_mean_ = kind == "mean";
    factor_ = static_cast<float>(spec.number("factor", default_factor));
    fixed_ = static_cast<float>(spec.number("t", 0.5));
    if (factor_ <= 0 || fixed_ <= 0) throw ValueError("[" + spec.key + "] expected t and factor > 0");
    mean_ = Tensor::zeros(Shape{1});
  }

  std::vector<NamedTensor> states() override {
    if (!from_mean_) return {};
    return {{"mean_abs", mean_}};
  }

  Tensor forward(const Tensor& v, bool training) override {
    return dispatch(v.dtype(), "ternary", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = v.contiguous();
      T d = static_cast<T>(threshold());
      if (training && from_mean_) {
        const double mean = mean_abs_parallel(dense.data<T>(), dense.numel());
        float& running = *mean_.data<float>();
        running = running == 0 ? static_cast<float>(mean) : 0.9f * running + 0.1f * static_cast<float>(mean);
        d = static_cast<T>(factor_) * static_cast<T>(mean);
      }
      const Tensor q = map<T>(dense, [d](T x) { return ternary_sign(x, d); });
      return record("ternary", q, {v}, [dense](const Tensor& dq) {
        return std::vector<Tensor>{map2<T>(dense, dq, [](T x, T g) { return std::abs(x) <= T(1) ? g : T(0); })};
      });
    });
  }

  void init(const Tensor& v) override {
    if (from_mean_) *mean_.data<float>() = mean_abs_of(v);
  }
  int lo() const override { return -1; }
  int hi() const override { return 1; }
  float step() const override { return 1.0f; }
  int code(float v) const override { return static_cast<int>(ternary_sign(v, threshold())); }

 private:
  float threshold() const { return from_mean_ ? factor_ * *mean_.data<float>() : fixed_; }
  static float mean_abs_of(const Tensor& v) {
    const Tensor dense = v.to(DType::kF32).contiguous();
    return static_cast<float>(mean_abs_parallel(dense.data<float>(), dense.numel()));
  }

  bool from_mean_ = false;
  float factor_ = 0.7f, fixed_ = 0.5f;
  Tensor mean_;  // running E|v|
};

}  // namespace

std::unique_ptr<ActQuantizer> make_act_ternary(const QuantSpec& spec) { return std::make_unique<TernaryAct>(spec); }
std::unique_ptr<ActQuantizer> make_act_sttn(const QuantSpec& spec) { return std::make_unique<TernaryAct>(spec); }
std::unique_ptr<ActQuantizer> make_act_tbn(const QuantSpec& spec) { return std::make_unique<TernaryAct>(spec, "mean", 0.4); }
std::unique_ptr<ActQuantizer> make_act_totnet(const QuantSpec& spec) { return std::make_unique<TernaryAct>(spec, "mean", 0.7); }

}  // namespace tern
