// BWN, the weights of XNOR-Net: binary weights {-a, +a} per filter.
//   a = E|w|,  q = a sgn(w)
//   dw_i = a dq_i 1{|w_i| <= 1} + sgn(w_i)/n sum_j sgn(w_j) dq_j
// The second term is the exact derivative of a, summed over the whole filter. Options of the published code: center=1
// subtracts the mean over input channels at each position of the window, clamp=1 clips latents to [-1, 1] first, and
// scale_grad=1 multiplies the gradient by n (1 - 1/C).
// Paper: Rastegari, Ordonez, Redmon, Farhadi, "XNOR-Net", 2016, equation 6 (scale); section 3.1 (gradient).
// Differs: the paper's gradient keeps only j = i of the sum.
#include "quant/quant_util.hpp"

namespace tern {
namespace {

class Bwn final : public WeightQuantizer {
 public:
  explicit Bwn(const QuantSpec& spec) {
    spec.allow_only({"center", "clamp", "scale_grad"});
    center_ = spec.flag("center", false);
    clamp_ = spec.flag("clamp", false);
    scale_grad_ = spec.flag("scale_grad", false);
  }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "bwn", [&](auto zero) {
      using T = decltype(zero);
      const Tensor u = prepared<T>(w);
      const Groups groups = groups_of(w.shape(), true);
      const Tensor q = Tensor::empty(w.shape(), w.dtype());
      for (std::int64_t o = 0; o < groups.count; ++o) {
        const T* from = u.data<T>() + o * groups.size;
        T* to = q.data<T>() + o * groups.size;
        const T a = mean_abs(from, groups.size);
        for (std::int64_t i = 0; i < groups.size; ++i) to[i] = from[i] >= T(0) ? a : -a;
      }
      return record("bwn", q, {w}, [this, u, groups](const Tensor& dq) {
        return std::vector<Tensor>{gradient<T>(u, groups, dq.contiguous())};
      });
    });
  }

  WeightCodes deploy(const Tensor& w) const override {
    const Tensor u = prepared<float>(w);
    const Groups groups = groups_of(w.shape(), true);
    WeightCodes out;
    out.shape = w.shape();
    out.has_zero = false;
    for (const float x : u.span<float>()) out.codes.push_back(x >= 0 ? 1 : -1);
    for (std::int64_t o = 0; o < groups.count; ++o) {
      out.scale_pos.push_back(mean_abs(u.data<float>() + o * groups.size, groups.size));
    }
    out.scale_neg = out.scale_pos;
    return out;
  }

 private:
  template <class T>
  Tensor prepared(const Tensor& w) const {
    const Tensor u = w.clone();
    if (center_ && w.shape().rank() == 4) {
      const std::int64_t channels = w.size(1), window = w.size(2) * w.size(3);
      for (std::int64_t o = 0; o < w.size(0); ++o) {
        T* filter = u.data<T>() + o * channels * window;
        for (std::int64_t k = 0; k < window; ++k) {
          double sum = 0;
          for (std::int64_t c = 0; c < channels; ++c) sum += static_cast<double>(filter[c * window + k]);
          const T mean = static_cast<T>(sum / static_cast<double>(channels));
          for (std::int64_t c = 0; c < channels; ++c) filter[c * window + k] -= mean;
        }
      }
    }
    if (clamp_) {
      for (T& x : u.span<T>()) x = clip(x, T(-1), T(1));
    }
    return u;
  }

  template <class T>
  Tensor gradient(const Tensor& u, const Groups& groups, const Tensor& dq) const {
    const Tensor dw = Tensor::empty(u.shape(), u.dtype());
    const auto n = static_cast<double>(groups.size);
    const T factor = scale_grad_ && u.shape().rank() == 4
                         ? static_cast<T>(n * (1.0 - 1.0 / static_cast<double>(u.size(1))))
                         : T(1);
    for (std::int64_t o = 0; o < groups.count; ++o) {
      const T* w = u.data<T>() + o * groups.size;
      const T* g = dq.data<T>() + o * groups.size;
      T* to = dw.data<T>() + o * groups.size;
      double sum = 0;
      for (std::int64_t i = 0; i < groups.size; ++i) sum += static_cast<double>(w[i] >= T(0) ? g[i] : -g[i]);
      const T a = mean_abs(w, groups.size), shared = static_cast<T>(sum / n);
      for (std::int64_t i = 0; i < groups.size; ++i) {
        const T through = std::abs(w[i]) <= T(1) ? a * g[i] : T(0);
        to[i] = factor * (through + (w[i] >= T(0) ? shared : -shared));
      }
    }
    return dw;
  }

  bool center_, clamp_, scale_grad_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_weight_bwn(const QuantSpec& spec, const Shape&) { return std::make_unique<Bwn>(spec); }

}  // namespace tern
