// HEQ: n-level weights (n = 3, 5, 7) whose step makes the levels about equally full. M = (n-1)/2.
//   t = clip(rne(w / s), -M, M),  q = t / M,  dw = dq 1{|w| <= 1}
// At each epoch's begin, from the quantiles of the layer's weights:
//   s = sum_{i=1..M} (|quantile((M+1-i)/n)| + |quantile((M+i)/n)|) / M^2
// which matches the sum of the quantiles' magnitudes to that of the decision thresholds (2i-1) s/2. Options: n;
// ste=w_le_1 (default) or w_over_s_le_M (window |w/s| <= M); center_median=1 subtracts the layer's median first.
// Paper: HEQ, equations 2 to 6. Differs: the indicator's variable, which the text leaves undefined, is the latent weight.
#include <algorithm>

#include "quant/quant_util.hpp"

namespace tern {
namespace {

// Linear interpolation between order statistics at position p (N - 1); reorders `values`.
double quantile(std::vector<float>& values, double p) {
  const double position = p * static_cast<double>(values.size() - 1);
  const auto k = static_cast<std::ptrdiff_t>(position);
  std::nth_element(values.begin(), values.begin() + k, values.end());
  const double low = static_cast<double>(values[static_cast<std::size_t>(k)]);
  const double fraction = position - static_cast<double>(k);
  if (fraction == 0) return low;
  const double high = static_cast<double>(*std::min_element(values.begin() + k + 1, values.end()));
  return low + fraction * (high - low);
}

class Heq final : public WeightQuantizer {
 public:
  explicit Heq(const QuantSpec& spec) : step_(Tensor::full(Shape{1}, 1.0)), median_(Tensor::zeros(Shape{1})) {
    spec.allow_only({"n", "ste", "center_median"});
    const int n = spec.integer("n", 3);
    if (n != 3 && n != 5 && n != 7) throw ValueError("[heq] expected n=3, 5 or 7; got " + std::to_string(n));
    levels_ = (n - 1) / 2;
    const std::string ste = spec.text("ste", "w_le_1");
    if (ste != "w_le_1" && ste != "w_over_s_le_M") {
      throw ValueError("[heq] expected ste=w_le_1 or w_over_s_le_M; got \"" + ste + "\"");
    }
    scaled_window_ = ste != "w_le_1";
    center_ = spec.flag("center_median", false);
  }

  std::vector<NamedTensor> states() override { return {{"step", step_}, {"median", median_}}; }

  void init(const Tensor& w) override { update_step(w); }
  void on_epoch_begin(const Tensor& w, std::int64_t) override { update_step(w); }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "heq", [&](auto zero) {
      using T = decltype(zero);
      const T s = static_cast<T>(*step_.data<float>()), median = static_cast<T>(*median_.data<float>());
      const T most = static_cast<T>(levels_), unit = static_cast<T>(1.0f / static_cast<float>(levels_));
      const Tensor dense = w.contiguous();
      const Tensor q = map<T>(dense, [=](T x) { return clip(rne((x - median) / s), -most, most) * unit; });
      const T window = scaled_window_ ? most * s : T(1);
      return record("heq", q, {w}, [dense, window](const Tensor& dq) {
        return std::vector<Tensor>{map2<T>(dense, dq, [window](T x, T g) { return std::abs(x) <= window ? g : T(0); })};
      });
    });
  }

  WeightCodes deploy(const Tensor& w) const override {
    const float s = *step_.data<float>(), median = *median_.data<float>(), most = static_cast<float>(levels_);
    const Tensor dense = w.contiguous();
    WeightCodes out;
    out.shape = w.shape();
    out.max_code = levels_;
    for (const float x : dense.span<float>()) {
      out.codes.push_back(static_cast<std::int8_t>(clip(rne((x - median) / s), -most, most)));
    }
    out.scale_pos.assign(static_cast<std::size_t>(w.size(0)), 1.0f / most);
    out.scale_neg = out.scale_pos;
    return out;
  }

 private:
  void update_step(const Tensor& w) {
    if (w.numel() == 0) return;
    const Tensor dense = w.contiguous();
    const auto span = dense.span<float>();
    std::vector<float> values(span.begin(), span.end());
    if (center_) {
      *median_.data<float>() = static_cast<float>(quantile(values, 0.5));
      for (float& v : values) v -= *median_.data<float>();
    }
    const double n = 2.0 * levels_ + 1.0;
    double sum = 0;
    for (int i = 1; i <= levels_; ++i) {
      sum += std::abs(quantile(values, (levels_ + 1 - i) / n)) + std::abs(quantile(values, (levels_ + i) / n));
    }
    *step_.data<float>() = std::max(1e-8f, static_cast<float>(sum / (static_cast<double>(levels_) * levels_)));
  }

  Tensor step_, median_;
  int levels_;
  bool scaled_window_, center_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_weight_heq(const QuantSpec& spec, const Shape&) { return std::make_unique<Heq>(spec); }

}  // namespace tern
