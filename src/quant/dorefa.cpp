// DoReFa, weights and activations of k bits, n = 2^k - 1.
// Weights, k >= 2: h = tanh(w), X = max|h|, z = h/(2X) + 1/2, q = 2 rne(z n)/n - 1; dw = dq (1 - h^2)/X (X constant).
//   Levels are the odd multiples of 1/n: no zero. k = 1: q = E|w| sgn(w), one scale a layer, dw = dq.
// Activations: q = rne(clip(v, 0, 1) n)/n, dv = dq 1{0 <= v <= 1}.
// Paper: Zhou et al., "DoReFa-Net", 2016, equations 5, 9, 11.
#include <algorithm>

#include "quant/quant_util.hpp"

namespace tern {
namespace {

int bits_of(const QuantSpec& spec, int most) {
  spec.allow_only({"bits"});
  const int k = spec.integer("bits", 2);
  if (k < 1 || k > most) {
    throw ValueError("[dorefa] expected bits in 1.." + std::to_string(most) + "; got " + std::to_string(k));
  }
  return k;
}

class DorefaWeight final : public WeightQuantizer {
 public:
  explicit DorefaWeight(const QuantSpec& spec) : bits_(bits_of(spec, 6)), most_((1 << bits_) - 1) {}

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "dorefa", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = w.contiguous();
      if (bits_ == 1) {
        const T a = mean_abs(dense.data<T>(), dense.numel());
        return record("dorefa", map<T>(dense, [a](T x) { return x >= T(0) ? a : -a; }), {w},
                      [](const Tensor& dq) { return std::vector<Tensor>{dq}; });
      }
      const T largest = largest_tanh<T>(dense), n = static_cast<T>(most_), unit = static_cast<T>(scale());
      const Tensor q = map<T>(dense, [=](T x) { return unit * odd_code(x, largest, n); });
      return record("dorefa", q, {w}, [dense, largest](const Tensor& dq) {
        return std::vector<Tensor>{map2<T>(dense, dq, [largest](T x, T g) {
          const T h = std::tanh(x);
          return largest == T(0) ? T(0) : g * (T(1) - h * h) / largest;
        })};
      });
    });
  }

  WeightCodes deploy(const Tensor& w) const override {
    const Tensor dense = w.contiguous();
    WeightCodes out;
    out.shape = w.shape();
    out.max_code = most_;
    const float largest = largest_tanh<float>(dense);
    // An all-zero tensor is quantized to zero, which no odd code can say.
    out.has_zero = bits_ > 1 && largest == 0;
    for (const float x : dense.span<float>()) {
      out.codes.push_back(static_cast<std::int8_t>(bits_ == 1 ? (x >= 0 ? 1 : -1)
                                                              : odd_code(x, largest, static_cast<float>(most_))));
    }
    const float s = bits_ == 1 ? mean_abs(dense.data<float>(), dense.numel()) : scale();
    out.scale_pos.assign(static_cast<std::size_t>(w.size(0)), s);
    out.scale_neg = out.scale_pos;
    return out;
  }

 private:
  float scale() const { return 1.0f / static_cast<float>(most_); }

  template <class T>
  static T largest_tanh(const Tensor& dense) {
    T largest = 0;
    for (const T x : dense.span<T>()) largest = std::max(largest, std::abs(std::tanh(x)));
    return largest;
  }
  // 2 rne(z n) - n: odd, in -n .. n.
  template <class T>
  static T odd_code(T x, T largest, T n) {
    if (largest == T(0)) return T(0);
    return T(2) * rne((std::tanh(x) / (T(2) * largest) + T(0.5)) * n) - n;
  }

  int bits_, most_;
};

class DorefaAct final : public ActQuantizer {
 public:
  explicit DorefaAct(const QuantSpec& spec) : most_((1 << bits_of(spec, 6)) - 1) {}

  Tensor forward(const Tensor& v, bool) override {
    return dispatch(v.dtype(), "dorefa", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = v.contiguous();
      const T n = static_cast<T>(most_), unit = static_cast<T>(step());
      const Tensor q = map<T>(dense, [=](T x) { return unit * rne(clip(x, T(0), T(1)) * n); });
      return record("dorefa", q, {v}, [dense](const Tensor& dq) {
        return std::vector<Tensor>{map2<T>(dense, dq, [](T x, T g) { return x >= T(0) && x <= T(1) ? g : T(0); })};
      });
    });
  }
  int lo() const override { return 0; }
  int hi() const override { return most_; }
  float step() const override { return 1.0f / static_cast<float>(most_); }
  int code(float v) const override { return static_cast<int>(rne(clip(v, 0.0f, 1.0f) * static_cast<float>(most_))); }

 private:
  int most_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_weight_dorefa(const QuantSpec& spec, const Shape&) {
  return std::make_unique<DorefaWeight>(spec);
}
std::unique_ptr<ActQuantizer> make_act_dorefa(const QuantSpec& spec) { return std::make_unique<DorefaAct>(spec); }

}  // namespace tern
