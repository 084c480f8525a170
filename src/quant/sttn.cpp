// STTN: two latent tensors whose signs are added, one shared scale per filter of n elements.
//   a = (||W1||_1 + ||W2||_1) / (2n),  q = a (sgn(W1) + sgn(W2)), levels {-2a, 0, 2a}
//   dWj_i = a dq_i 1{|Wj_i| <= 1} + sgn(Wj_i)/(2n) sum_k dq_k (sgn(W1_k) + sgn(W2_k))
// W1 is the layer's latent weight, W2 a learnable of the quantizer. Init: W2 takes W1's value at even positions of the
// filter and the next position's value at odd ones, so that a quarter of the signs start out different. At deployment only
// the sum of signs is stored.
// Paper: Xu et al., "Soft threshold ternary networks", 2020, equations 3 to 6.
#include "quant/quant_util.hpp"

namespace tern {
namespace {

template <class T>
T sgn(T x) {
  return x >= T(0) ? T(1) : T(-1);
}

class Sttn final : public WeightQuantizer {
 public:
  Sttn(const QuantSpec& spec, const Shape& shape) : second_(learnable(shape, 0.0)) { spec.allow_only({}); }

  std::vector<NamedTensor> learnables() override { return {{"w2", second_}}; }

  void init(const Tensor& w) override {
    const Tensor dense = w.contiguous();
    const auto from = dense.span<float>();
    const auto to = second_.span<float>();
    const Groups f = groups_of(w.shape(), true);
    const auto n = static_cast<std::size_t>(f.size);
    // Half of the positions agree with W1, the others take a neighbour's value.
    for (std::size_t i = 0; i < to.size(); ++i) {
      const std::size_t begin = i / n * n;
      to[i] = (i - begin) % 2 == 0 ? from[i] : from[begin + (i - begin + 1) % n];
    }
  }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "sttn", [&](auto zero) {
      using T = decltype(zero);
      const Tensor w1 = w.contiguous(), w2 = second_.detach().to(w.dtype());
      const Groups f = groups_of(w.shape(), true);
      const Tensor q = Tensor::empty(w.shape(), w.dtype());
      std::vector<T> scales;
      for (std::int64_t o = 0; o < f.count; ++o) {
        const std::int64_t at = o * f.size;
        scales.push_back(scale(w1.data<T>() + at, w2.data<T>() + at, f.size));
        for (std::int64_t i = at; i < at + f.size; ++i) {
          q.data<T>()[i] = T(2) * scales.back() * half_sum(w1.data<T>()[i], w2.data<T>()[i]);
        }
      }
      return record("sttn", q, {w, second_}, [w1, w2, f, scales](const Tensor& dq) {
        return gradients<T>(w1, w2, f, scales, dq.contiguous());
      });
    });
  }

  WeightCodes deploy(const Tensor& w) const override {
    const Tensor dense = w.contiguous();
    const Groups f = groups_of(w.shape(), true);
    WeightCodes out;
    out.shape = w.shape();
    for (std::int64_t i = 0; i < w.numel(); ++i) {
      out.codes.push_back(static_cast<std::int8_t>(half_sum(dense.data<float>()[i], second_.data<float>()[i])));
    }
    for (std::int64_t o = 0; o < f.count; ++o) {
      out.scale_pos.push_back(2.0f * scale(dense.data<float>() + o * f.size, second_.data<float>() + o * f.size, f.size));
    }
    out.scale_neg = out.scale_pos;
    return out;
  }

 private:
  // (sgn a + sgn b) / 2
  template <class T>
  static T half_sum(T a, T b) {
    return (sgn(a) + sgn(b)) / T(2);
  }
  template <class T>
  static T scale(const T* w1, const T* w2, std::int64_t n) {
    return static_cast<T>((sum_abs(w1, n) + sum_abs(w2, n)) / (2.0 * static_cast<double>(n)));
  }

  template <class T>
  static std::vector<Tensor> gradients(const Tensor& w1, const Tensor& w2, const Groups& f, const std::vector<T>& scales,
                                       const Tensor& dq) {
    const Tensor d1 = Tensor::empty(w1.shape(), w1.dtype()), d2 = Tensor::empty(w1.shape(), w1.dtype());
    for (std::int64_t o = 0; o < f.count; ++o) {
      const std::int64_t at = o * f.size;
      double sum = 0;
      for (std::int64_t i = at; i < at + f.size; ++i) {
        sum += static_cast<double>(dq.data<T>()[i]) * static_cast<double>(sgn(w1.data<T>()[i]) + sgn(w2.data<T>()[i]));
      }
      const T shared = static_cast<T>(sum / (2.0 * static_cast<double>(f.size))), a = scales[static_cast<std::size_t>(o)];
      const auto one = [&](T w, T g) { return (std::abs(w) <= T(1) ? a * g : T(0)) + sgn(w) * shared; };
      for (std::int64_t i = at; i < at + f.size; ++i) {
        d1.data<T>()[i] = one(w1.data<T>()[i], dq.data<T>()[i]);
        d2.data<T>()[i] = one(w2.data<T>()[i], dq.data<T>()[i]);
      }
    }
    return {d1, d2.to(DType::kF32)};
  }

  Tensor second_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_weight_sttn(const QuantSpec& spec, const Shape& shape) {
  return std::make_unique<Sttn>(spec, shape);
}

}  // namespace tern
