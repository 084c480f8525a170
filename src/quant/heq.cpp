// HEQ: n = 3, 5 or 7 uniform weight levels whose step equalises the histogram of codes; M = (n - 1) / 2.
//   t = clip(rne(w / s), -M, M),  q = t / M;   dw = dq 1{|w| <= 1}
// The step s is state, set from quantiles of the layer's weights at the beginning of every epoch and never in between:
//   s = sum_{i = 1..M} (|quantile((M + 1 - i) / n)| + |quantile((M + i) / n)|) / M^2,   at least 1e-8
// with quantile(p) interpolated linearly between the order statistics around position p (N - 1).
// ste=w_over_s_le_M reads the window as |w / s| <= M. center_median=1 subtracts the layer's median, taken with s,
// first.
// Paper: Nguyen, Guicquero, Sicard, "Histogram-equalized quantization for logic-gated residual neural networks", 2022,
// equations 1 to 3 and algorithm 1.
// Differs: the paper's indicator does not say of what variable; it is the latent weight here, as in its authors'
// toolkit. Positive quantiles enter by magnitude, too, which equation 3 leaves out.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

/// Quantile at p = numerator / denominator. Reorders `values`.
double quantile(std::vector<double>& values, std::int64_t numerator, std::int64_t denominator) {
  const auto n = static_cast<std::int64_t>(values.size());
  const std::int64_t position = numerator * (n - 1);
  const auto at_k = values.begin() + position / denominator;
  std::nth_element(values.begin(), at_k, values.end());
  const double low = *at_k, fraction = static_cast<double>(position % denominator) / static_cast<double>(denominator);
  if (fraction == 0) return low;
  return low + fraction * (*std::min_element(at_k + 1, values.end()) - low);
}

class Heq final : public WeightQuantizer {
 public:
  explicit Heq(const QuantSpec& spec)
      : m_((spec.integer("n") - 1) / 2),
        window_is_m_(spec.text("ste") == "w_over_s_le_M"),
        center_median_(spec.flag("center_median")) {}

  std::vector<NamedTensor> states() override {
    if (!center_median_) return {{"step", step_}};
    return {{"step", step_}, {"center", center_}};
  }

  void init(const Tensor& w) override { set_step(w); }
  void on_epoch_begin(const Tensor& w, const Position&) override { set_step(w); }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "heq", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = w.contiguous();
      const T s = static_cast<T>(at(step_)), c = static_cast<T>(at(center_)), m = static_cast<T>(m_);
      const bool window_is_m = window_is_m_;
      return record("heq", values(levels<T>(dense), w.shape()), {w}, [=](const Tensor& dq) {
        return std::vector<Tensor>{gradients<T>(dense, dq, [=](T x, T g) {
                                     const T reach = window_is_m ? std::abs((x - c) / s) : std::abs(x);
                                     return only(reach <= (window_is_m ? m : T(1)), g);
                                   }).dx};
      });
    });
  }

  WeightCodes deploy(const Tensor& w) const override { return packed(levels<float>(dense_float(w)), w.shape(), m_); }

 private:
  template <class T>
  Levels<T> levels(const Tensor& w) const {
    Levels<T> l(groups_of(w.shape(), false));
    l.set_scale(0, T(1) / static_cast<T>(m_));
    const T s = static_cast<T>(at(step_)), c = static_cast<T>(at(center_)), m = static_cast<T>(m_);
    assign_codes(w.data<T>(), w.numel(), l.group(0), [=](T x) { return rne(clip((x - c) / s, -m, m)); });
    return l;
  }

  void set_step(const Tensor& w) {
    std::vector<double> sample = w.to_vector();
    if (sample.empty()) return;
    if (center_median_) {
      const double median = quantile(sample, 1, 2);
      at(center_) = narrow<float>(median);
      for (double& x : sample) x -= median;
    }
    double sum = 0;
    for (int i = 1; i <= m_; ++i) {
      sum += std::abs(quantile(sample, m_ + 1 - i, 2 * m_ + 1)) + std::abs(quantile(sample, m_ + i, 2 * m_ + 1));
    }
    at(step_) = std::max(narrow<float>(sum / (m_ * m_)), 1e-8f);
  }

  int m_;
  bool window_is_m_, center_median_;
  Tensor step_ = Tensor::full(Shape{1}, 1.0), center_ = Tensor::zeros(Shape{1});
};

}  // namespace

WeightMethod weight_heq() {
  return {{{"n", "3", "3|5|7", "how many levels"},
           {"ste", "w_le_1", "w_le_1|w_over_s_le_M",
            "the window of the gradient; |w / s| <= M stops 39 to 69 % of Gaussian weights"},
           {"center_median", "0", "0|1", "subtract the layer's median, taken when s is"}},
          make_weights<Heq>};
}

}  // namespace tern::quant
