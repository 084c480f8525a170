// BWN: binary weights, one scale a filter; also the weights of XNOR-Net and TBN.
//   a = E|w| over the filter,  q = a sgn(w),  sgn(0) = +1
//   dw_i = a dq_i 1{|w_i| <= 1} + sgn(w_i) (1/n) sum_j sgn(w_j) dq_j       (the scale is differentiated)
// Pre-processing of the XNOR code, off by default, all three with xnor=1: center=1 subtracts the mean over the input
// channels at each (r, s), clamp=1 clips to [-1, 1], scale_grad=1 multiplies dw by n (1 - 1/C). The window then looks
// at the centred weight before the clip; the mean is a constant of the gradient.
// Paper: Rastegari, Ordonez, Redmon, Farhadi, "XNOR-Net", 2016, section 3.1: equations 4 and 6, and the gradient below
// them, which has no number.
// Differs: paper and published code keep only the j = i term of the sum, 1/n; this takes the whole derivative of the
// scale. The code's window is open, |w| < 1. With one input channel centering would leave nothing: such filters are not
// centred, and their gradient factor is n.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

class Bwn final : public WeightQuantizer {
 public:
  explicit Bwn(const QuantSpec& spec)
      : center_(spec.flag("center")), clamp_(spec.flag("clamp")), scale_grad_(spec.flag("scale_grad")) {}

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "bwn", [&](auto zero) {
      using T = decltype(zero);
      const Tensor u = centered<T>(w.contiguous());
      const auto l = std::make_shared<const Levels<T>>(levels<T>(u));
      return record("bwn", values(*l, w.shape()), {w}, [l, u, factor = gradient_factor(w.shape())](const Tensor& dq) {
        const Tensor dw = Tensor::empty(u.shape(), u.dtype()), dense = dq.contiguous();
        const std::int64_t n = l->groups.size;
        for_groups(l->groups, [&](std::int64_t f) {
          const std::int8_t* sign = l->group(f);
          const T* x = u.data<T>() + f * n;
          const T* g = dense.data<T>() + f * n;
          T* to = dw.data<T>() + f * n;
          const T a = l->scale_pos(f);
          const double sum = sum_of(n, [=](std::int64_t i) { return static_cast<T>(sign[i]) * g[i]; });
          const T mean = static_cast<T>(sum / static_cast<double>(n)), c = static_cast<T>(factor);
          for (std::int64_t i = 0; i < n; ++i) {
            to[i] = c * ((within_one(x[i]) ? a * g[i] : T(0)) + static_cast<T>(sign[i]) * mean);
          }
        });
        return std::vector<Tensor>{dw};
      });
    });
  }

  WeightCodes deploy(const Tensor& w) const override {
    return packed(levels<float>(centered<float>(dense_float(w))), w.shape(), 1, false);
  }

 private:
  template <class T>
  Tensor centered(const Tensor& w) const {
    const std::int64_t filters = w.size(0), channels = w.size(1);
    if (!center_ || channels <= 1) return w;
    const std::int64_t area = w.numel() / std::max<std::int64_t>(filters * channels, 1);
    const Tensor u = Tensor::empty(w.shape(), w.dtype());
    for (std::int64_t f = 0; f < filters; ++f) {
      for (std::int64_t rs = 0; rs < area; ++rs) {
        const std::int64_t first = f * channels * area + rs;
        const T* p = w.data<T>() + first;
        T* to = u.data<T>() + first;
        const double sum = sum_range(0, channels, [=](std::int64_t c) { return p[c * area]; });
        const T mean = static_cast<T>(sum / static_cast<double>(channels));
        for (std::int64_t c = 0; c < channels; ++c) to[c * area] = p[c * area] - mean;
      }
    }
    return u;
  }

  template <class T>
  Levels<T> levels(const Tensor& u) const {
    Levels<T> l(groups_of(u.shape(), true));
    const std::int64_t n = l.groups.size;
    const T bound = clamp_ ? T(1) : std::numeric_limits<T>::max();
    for_groups(l.groups, [&](std::int64_t f) {
      const T* p = u.data<T>() + f * n;
      const double sum = sum_of(n, [=](std::int64_t i) { return std::min(std::abs(p[i]), bound); });
      l.set_scale(f, narrow<T>(sum / static_cast<double>(n)));
      assign_codes(p, n, l.group(f), [](T x) { return x >= 0 ? 1 : -1; });
    });
    return l;
  }

  double gradient_factor(const Shape& shape) const {
    if (!scale_grad_) return 1.0;
    const auto n = static_cast<double>(shape.numel()) / static_cast<double>(shape[0]),
               channels = static_cast<double>(shape[1]);
    return shape[1] > 1 ? n * (1.0 - 1.0 / channels) : n;
  }

  bool center_, clamp_, scale_grad_;
};

}  // namespace

WeightMethod weight_bwn() {
  return {{{"xnor", "0", "0|1", "the pre-processing of the XNOR and BNAS code: default of the three below"},
           {"center", "=xnor", "0|1", "subtract the mean over the input channels at each kernel position"},
           {"clamp", "=xnor", "0|1", "clip to [-1, 1] before the scale; weights outside pass no direct gradient"},
           {"scale_grad", "=xnor", "0|1", "multiply the gradient by n (1 - 1/C)"}},
          make_weights<Bwn>};
}
WeightMethod weight_tbn() { return weight_bwn(); }

}  // namespace tern::quant
