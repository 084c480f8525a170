// TWN: ternary weights {-a, 0, +a} that approximate the latent ones in the least-squares sense.
//   D = 0.7 E|w|,  t = +1 if w > D, -1 if w < -D, else 0,  a = mean of |w| over {|w| > D},  q = a t
//   dw = dq (identity, no clip); D and a are constants of the gradient
// threshold=exact finds the optimum instead: sort |w| descending, k that maximises (sum of the k largest)^2 / k, a =
// mean of those k.
// Paper: Li, Zhang, Liu, "Ternary weight networks", 2016, equations 3 to 6.
// totnet: the same with one group a filter. Paper: Nazari, Loni, Salehi, Daneshtalab, Sjodin, "TOT-Net: an endeavor
// toward optimizing ternary neural networks", 2019. Differs: TOT-Net searches an activation function of its own and its
// learning rate, neither of which is here; options relu=prelu of a topology stands in for the function.
#include <functional>

#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

struct Fit {
  double threshold = 0;  // codes are nonzero where |w| > threshold
  double scale = 0;
};

template <class T>
Fit fit_mean(const T* w, std::int64_t n) {
  const T threshold = T(0.7) * narrow<T>(mean_abs(w, n));
  const double sum = sum_of(n, [=](std::int64_t i) { return std::abs(w[i]) > threshold ? std::abs(w[i]) : T(0); });
  const double count = sum_of(n, [=](std::int64_t i) { return std::abs(w[i]) > threshold ? 1.0 : 0.0; });
  return {static_cast<double>(threshold), count > 0 ? sum / count : 0.0};
}

template <class T>
Fit fit_exact(const T* w, std::int64_t n) {
  std::vector<double> magnitude(static_cast<std::size_t>(n));
  std::transform(w, w + n, magnitude.begin(), [](T x) { return std::abs(static_cast<double>(x)); });
  std::sort(magnitude.begin(), magnitude.end(), std::greater<>());
  double sum = 0, best = 0;
  Fit fit;
  for (std::size_t i = 0; i < magnitude.size(); ++i) {
    sum += magnitude[i];
    // Equal magnitudes stand or fall together: a threshold cannot separate them.
    const double next = i + 1 < magnitude.size() ? magnitude[i + 1] : 0.0;
    const auto k = static_cast<double>(i + 1);
    if (next == magnitude[i] || sum * sum / k <= best) continue;
    best = sum * sum / k;
    fit = {next, sum / k};
  }
  return fit;
}

class Twn final : public WeightQuantizer {
 public:
  explicit Twn(const QuantSpec& spec)
      : exact_(spec.text("threshold") == "exact"), filters_(spec.text("group") == "filter") {}

  Tensor forward(const Tensor& w) override {
    const Tensor q = dispatch(w.dtype(), "twn",
                              [&](auto zero) { return values(levels<decltype(zero)>(w.contiguous()), w.shape()); });
    return record("twn", q, {w}, [](const Tensor& dq) { return std::vector<Tensor>{dq}; });
  }

  WeightCodes deploy(const Tensor& w) const override { return packed(levels<float>(dense_float(w)), w.shape()); }

 private:
  template <class T>
  Levels<T> levels(const Tensor& w) const {
    Levels<T> l(groups_of(w.shape(), filters_));
    const std::int64_t n = l.groups.size;
    for_groups(l.groups, [&](std::int64_t g) {
      const T* p = w.data<T>() + g * n;
      const Fit f = exact_ ? fit_exact(p, n) : fit_mean(p, n);
      l.set_scale(g, narrow<T>(f.scale));
      assign_codes(p, n, l.group(g), [d = static_cast<T>(f.threshold)](T x) { return ternary_sign(x, d); });
    });
    return l;
  }

  bool exact_, filters_;
};

WeightMethod method(const std::string& group) {
  return {{{"threshold", "mean", "mean|exact", "0.7 E|w|, or the least-squares optimum in O(n log n)"},
           {"group", group, "layer|filter", "what shares a threshold and a scale"}},
          make_weights<Twn>};
}

}  // namespace

WeightMethod weight_twn() { return method("layer"); }
WeightMethod weight_totnet() { return method("filter"); }

}  // namespace tern::quant
