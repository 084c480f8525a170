// TWN: ternary weights {-a, 0, +a} that approximate the latent ones in the least-squares sense.
//   D = 0.7 E|w|,  t = +1 if w > D, -1 if w < -D, else 0,  a = mean of |w| over {|w| > D},  q = a t
//   dw = dq (identity); D and a are constants of the gradient
// threshold=exact finds the optimum instead: sort |w| descending, k that maximises (sum of the k largest)^2 / k, a = mean of
// those k. Paper: Li, Zhang, Liu, "Ternary weight networks", 2016, equations 3 to 6.
#include <algorithm>
#include <numeric>

#include "quant/quant_util.hpp"

namespace tern {
namespace {

template <class T>
struct Fit {
  T threshold = 0;  // codes are nonzero where |w| > threshold
  T scale = 0;
};

template <class T>
Fit<T> fit_mean(const T* w, std::int64_t n) {
  const T threshold = T(0.7) * mean_abs(w, n);
  double sum = 0;
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (std::abs(w[i]) > threshold) {
      sum += std::abs(static_cast<double>(w[i]));
      ++count;
    }
  }
  return {threshold, count ? static_cast<T>(sum / static_cast<double>(count)) : T(0)};
}

template <class T>
Fit<T> fit_exact(const T* w, std::int64_t n) {
  std::vector<T> magnitude(static_cast<std::size_t>(n));
  std::transform(w, w + n, magnitude.begin(), [](T x) { return std::abs(x); });
  std::sort(magnitude.begin(), magnitude.end(), std::greater<>());
  double sum = 0, best = -1, best_sum = 0;
  std::size_t k = 0;
  for (std::size_t i = 0; i < magnitude.size(); ++i) {
    sum += static_cast<double>(magnitude[i]);
    // Equal magnitudes stand or fall together: a threshold cannot separate them.
    if (i + 1 < magnitude.size() && magnitude[i + 1] == magnitude[i]) continue;
    const double gain = sum * sum / static_cast<double>(i + 1);
    if (gain > best) {
      best = gain;
      best_sum = sum;
      k = i + 1;
    }
  }
  if (k == 0 || best_sum == 0) return {};
  return {k < magnitude.size() ? magnitude[k] : T(0), static_cast<T>(best_sum / static_cast<double>(k))};
}

class Twn final : public WeightQuantizer {
 public:
  Twn(const QuantSpec& spec, bool filters_by_default) {
    spec.allow_only({"threshold", "group"});
    const std::string threshold = spec.text("threshold", "mean");
    if (threshold != "mean" && threshold != "exact") {
      throw ValueError("[twn] expected threshold=mean or threshold=exact; got \"" + threshold + "\"");
    }
    exact_ = threshold == "exact";
    filters_ = per_filter(spec, filters_by_default);
  }

  Tensor forward(const Tensor& w) override {
    const Tensor q = dispatch(w.dtype(), "twn", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = w.contiguous();
      const Tensor out = Tensor::empty(w.shape(), w.dtype());
      for_each_group<T>(dense, [&](std::int64_t begin, std::int64_t n, const Fit<T>& f) {
        const T* from = dense.data<T>() + begin;
        T* to = out.data<T>() + begin;
        for (std::int64_t i = 0; i < n; ++i) to[i] = f.scale * ternary_sign(from[i], f.threshold);
      });
      return out;
    });
    return record("twn", q, {w}, [](const Tensor& dq) { return std::vector<Tensor>{dq}; });
  }

  WeightCodes deploy(const Tensor& w) const override {
    const Tensor dense = w.contiguous();
    WeightCodes out;
    out.shape = w.shape();
    out.codes.resize(static_cast<std::size_t>(w.numel()));
    std::vector<float> scales;
    for_each_group<float>(dense, [&](std::int64_t begin, std::int64_t n, const Fit<float>& f) {
      const float* from = dense.data<float>() + begin;
      for (std::int64_t i = 0; i < n; ++i) {
        out.codes[static_cast<std::size_t>(begin + i)] = static_cast<std::int8_t>(ternary_sign(from[i], f.threshold));
      }
      scales.push_back(f.scale);
    });
    out.scale_pos = filters_ ? scales : std::vector<float>(static_cast<std::size_t>(w.size(0)), scales.at(0));
    out.scale_neg = out.scale_pos;
    return out;
  }

 private:
  template <class T, class F>
  void for_each_group(const Tensor& dense, F&& body) const {
    const Groups groups = groups_of(dense.shape(), filters_);
    for (std::int64_t g = 0; g < groups.count; ++g) {
      const T* w = dense.data<T>() + g * groups.size;
      body(g * groups.size, groups.size, exact_ ? fit_exact(w, groups.size) : fit_mean(w, groups.size));
    }
  }

  bool exact_ = false, filters_ = false;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_weight_twn(const QuantSpec& spec, const Shape&) {
  return std::make_unique<Twn>(spec, false);
}
std::unique_ptr<WeightQuantizer> make_weight_totnet(const QuantSpec& spec, const Shape&) {
  return std::make_unique<Twn>(spec, true);
}

}  // namespace tern
