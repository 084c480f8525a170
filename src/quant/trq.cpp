// TRQ: ternary weights as a binary stem plus a binary residual with one learned scale a filter, a > 0.
//   b0 = sgn(w),  b1 = sgn(w - a b0), the sign of zero taken opposite to b0,  q = a (b0 + b1)
// which is {-2a, 0, +2a} with the threshold |w| > a: LSQ's ternary levels for s = 2a.
//   da = sum dq (b0 + b1),   dw = dq 1{|w| <= 1};   a >= 1e-4, starts at E|w|
// Paper: Li, Ding, Liu, Zhang, Guo, "TRQ: ternary neural networks with residual quantization", 2021.
// Differs: a reconstruction; stem and residual share one scale, the only reading that gives three levels.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

class Trq final : public WeightQuantizer {
 public:
  Trq(const QuantSpec&, const Shape& shape) : a_(learnable(Shape{shape[0]}, 1.0)) {}

  std::vector<NamedTensor> learnables() override { return {{"a", a_}}; }
  void init(const Tensor& w) override {
    const Tensor dense = dense_float(w);
    const Groups groups = groups_of(w.shape(), true);
    for_groups(groups, [&](std::int64_t f) {
      at(a_, f) = narrow<float>(mean_abs(dense.data<float>() + f * groups.size, groups.size));
    });
    after_step();
  }
  void after_step() override { project(a_, 1e-4f, kLargestScale); }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "trq", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = w.contiguous();
      const auto l = std::make_shared<const Levels<T>>(levels<T>(dense));
      return record("trq", values(*l, w.shape()), {w, a_}, [l, dense](const Tensor& dq) {
        const Tensor da = Tensor::empty(Shape{l->groups.count}), dy = dq.contiguous();
        for_groups(l->groups, [&](std::int64_t f) {
          const std::int8_t* code = l->group(f);
          const T* g = dy.data<T>() + f * l->groups.size;
          const double sum = sum_of(l->groups.size, [=](std::int64_t i) { return g[i] * static_cast<T>(code[i]); });
          at(da, f) = static_cast<float>(2 * sum);
        });
        return std::vector<Tensor>{gradients<T>(dense, dy, [](T x, T g) { return only(within_one(x), g); }).dx, da};
      });
    });
  }

  WeightCodes deploy(const Tensor& w) const override { return packed(levels<float>(dense_float(w)), w.shape()); }

 private:
  template <class T>
  Levels<T> levels(const Tensor& w) const {
    Levels<T> l(groups_of(w.shape(), true));
    for_groups(l.groups, [&](std::int64_t f) {
      const T a = static_cast<T>(at(a_, f));
      l.set_scale(f, 2 * a);
      assign_codes(w.data<T>() + f * l.groups.size, l.groups.size, l.group(f), [a](T x) {
        const T b0 = x >= 0 ? T(1) : T(-1), r = x - a * b0;
        const T b1 = r == 0 ? -b0 : (r > 0 ? T(1) : T(-1));
        return (b0 + b1) / 2;
      });
    });
    return l;
  }

  Tensor a_;
};

}  // namespace

WeightMethod weight_trq() { return {{}, make_weights<Trq>}; }

}  // namespace tern::quant
