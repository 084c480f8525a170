// TRQ (a reconstruction): a stem and a residual that share one learned scale per filter.
//   b0 = sgn(w), r = w - a b0, b1 = sgn(r) with the sign of zero opposite to b0;  q = a (b0 + b1), levels {-2a, 0, 2a}
// so the threshold is |w| > a. da = sum dq (b0 + b1), dw = dq 1{|w| <= 1}. Init a = E|w|, a >= 1e-4.
// The forward map is LSQ's ternary one with s = 2a. Paper: as TRQ is described by the papers that compare with it; its own
// equations were not at hand.
#include <algorithm>

#include "quant/quant_util.hpp"

namespace tern {
namespace {

class Trq final : public WeightQuantizer {
 public:
  Trq(const QuantSpec& spec, const Shape& shape) : a_(learnable(Shape{shape[0]}, 1.0)) { spec.allow_only({}); }

  std::vector<NamedTensor> learnables() override { return {{"a", a_}}; }

  void init(const Tensor& w) override {
    const Tensor dense = w.contiguous();
    const Groups f = groups_of(w.shape(), true);
    for (std::int64_t o = 0; o < f.count; ++o) a_.data<float>()[o] = mean_abs(dense.data<float>() + o * f.size, f.size);
    after_step();
  }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "trq", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = w.contiguous();
      const Groups f = groups_of(w.shape(), true);
      const Tensor q = Tensor::empty(w.shape(), w.dtype());
      std::vector<T> scales;
      for (std::int64_t o = 0; o < f.count; ++o) {
        const T a = static_cast<T>(a_.data<float>()[o]);
        scales.push_back(a);
        for (std::int64_t i = o * f.size; i < (o + 1) * f.size; ++i) {
          q.data<T>()[i] = T(2) * a * ternary_sign(dense.data<T>()[i], a);
        }
      }
      return record("trq", q, {w, a_}, [dense, f, scales](const Tensor& dq) {
        const Tensor g = dq.contiguous(), da = Tensor::zeros(Shape{f.count});
        for (std::int64_t o = 0; o < f.count; ++o) {
          double sum = 0;
          for (std::int64_t i = o * f.size; i < (o + 1) * f.size; ++i) {
            sum += 2 * static_cast<double>(g.data<T>()[i]) *
                   static_cast<double>(ternary_sign(dense.data<T>()[i], scales[static_cast<std::size_t>(o)]));
          }
          da.data<float>()[o] = static_cast<float>(sum);
        }
        const Tensor dw = map2<T>(dense, g, [](T x, T d) { return std::abs(x) <= T(1) ? d : T(0); });
        return std::vector<Tensor>{dw, da};
      });
    });
  }

  void after_step() override {
    for (float& a : a_.span<float>()) a = std::max(a, 1e-4f);
  }

  WeightCodes deploy(const Tensor& w) const override {
    const Tensor dense = w.contiguous();
    const Groups f = groups_of(w.shape(), true);
    WeightCodes out;
    out.shape = w.shape();
    for (std::int64_t i = 0; i < w.numel(); ++i) {
      out.codes.push_back(static_cast<std::int8_t>(ternary_sign(dense.data<float>()[i], a_.data<float>()[i / f.size])));
    }
    for (const float a : a_.span<float>()) out.scale_pos.push_back(2.0f * a);
    out.scale_neg = out.scale_pos;
    return out;
  }

 private:
  Tensor a_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_weight_trq(const QuantSpec& spec, const Shape& shape) {
  return std::make_unique<Trq>(spec, shape);
}

}  // namespace tern
