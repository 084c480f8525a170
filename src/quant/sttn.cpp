// STTN: ternary weights as the sum of two binary tensors that share one scale a filter. W1 is the layer's latent
// weight, W2 a second one of the same shape, trained beside it and dropped at deployment.
//   a = (sum |W1| + sum |W2|) / (2n) over the filter,  q = a (sgn(W1) + sgn(W2)),  levels {-2a, 0, +2a}
//   dWj_i = a dq_i 1{|Wj_i| <= 1} + sgn(Wj_i) / (2n) sum_k dq_k (sgn(W1_k) + sgn(W2_k)),   j = 1, 2
// Start: W2 = W1 where |W1| > 0.7 E|W1| of the filter and -W1 elsewhere, so that training begins with TWN's codes.
// Paper: Xu et al., "Soft threshold ternary networks", 2020, equations for the forward and backward of the two
// branches. Differs: the start is ours.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

class Sttn final : public WeightQuantizer {
 public:
  Sttn(const QuantSpec&, const Shape& shape) : w2_(learnable(shape, 0.0)) {}

  std::vector<NamedTensor> learnables() override { return {{"w2", w2_}}; }
  void init(const Tensor& w) override {
    const Tensor dense = dense_float(w);
    const Groups groups = groups_of(w.shape(), true);
    for_groups(groups, [&](std::int64_t f) {
      const float* from = dense.data<float>() + f * groups.size;
      float* to = w2_.data<float>() + f * groups.size;
      const float d = 0.7f * narrow<float>(mean_abs(from, groups.size));
      for (std::int64_t i = 0; i < groups.size; ++i) to[i] = std::abs(from[i]) > d ? from[i] : -from[i];
    });
  }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "sttn", [&](auto zero) {
      using T = decltype(zero);
      const Tensor w1 = w.contiguous(), w2 = w2_.detach().to(w.dtype());
      const auto l = std::make_shared<const Levels<T>>(levels<T>(w1, w2));
      return record("sttn", values(*l, w.shape()), {w, w2_}, [l, w1, w2](const Tensor& dq) {
        const Tensor dy = dq.contiguous();
        return std::vector<Tensor>{latent_gradient(*l, w1, dy), latent_gradient(*l, w2, dy).to(DType::kF32)};
      });
    });
  }

  WeightCodes deploy(const Tensor& w) const override { return packed(levels<float>(dense_float(w), w2_), w.shape()); }

 private:
  template <class T>
  static Levels<T> levels(const Tensor& w1, const Tensor& w2) {
    Levels<T> l(groups_of(w1.shape(), true));
    const std::int64_t n = l.groups.size;
    for_groups(l.groups, [&](std::int64_t f) {
      const T *p = w1.data<T>() + f * n, *q = w2.data<T>() + f * n;
      l.set_scale(f, narrow<T>(mean_abs(p, n) + mean_abs(q, n)));  // 2a
      std::int8_t* code = l.group(f);
      for (std::int64_t i = 0; i < n; ++i) code[i] = static_cast<std::int8_t>((p[i] >= 0) - !(q[i] >= 0));
    });
    return l;
  }

  template <class T>
  static Tensor latent_gradient(const Levels<T>& l, const Tensor& w, const Tensor& dq) {
    const Tensor dw = Tensor::empty(w.shape(), w.dtype());
    const std::int64_t n = l.groups.size;
    for_groups(l.groups, [&](std::int64_t f) {
      const std::int8_t* code = l.group(f);
      const T *x = w.data<T>() + f * n, *g = dq.data<T>() + f * n;
      T* to = dw.data<T>() + f * n;
      const T a = l.scale_pos(f) / 2;
      const double sum = sum_of(n, [=](std::int64_t i) { return g[i] * static_cast<T>(code[i]); });
      const T through_scale = static_cast<T>(sum / static_cast<double>(n));
      for (std::int64_t i = 0; i < n; ++i) {
        to[i] = (within_one(x[i]) ? a * g[i] : T(0)) + (x[i] >= 0 ? through_scale : -through_scale);
      }
    });
    return dw;
  }

  Tensor w2_;
};

}  // namespace

WeightMethod weight_sttn() { return {{}, make_weights<Sttn>}; }

}  // namespace tern::quant
