// DoReFa: k-bit weights and activations on fixed grids; L = 2^k - 1.
//
// Weights, bits=k >= 2:  h = tanh(w),  X = max|h|,  z = h / (2X) + 1/2,  q = 2 rne(z L) / L - 1
//   odd codes / L: no zero
//   dw = dq (1 - h^2) / X,  X a constant
// Weights, bits=1:  q = E|w| sgn(w), one scale a layer;  dw = dq
// All weights zero: q = 0, dw = dq.
//
// Activations:  q = rne(clip(v, 0, 1) L) / L;  dv = dq 1{0 <= v <= 1}
// Gradients: gradient.cpp.
// Paper: Zhou, Wu, Ni, Zhou, Wen, Zou, "DoReFa-Net", 2016, equations 5, 9, 11.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

class DorefaWeights final : public WeightQuantizer {
 public:
  explicit DorefaWeights(const QuantSpec& spec) : bits_(spec.integer("bits")), max_code_((1 << bits_) - 1) {}

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "dorefa", [&](auto zero) {
      using T = decltype(zero);
      const Tensor x = squashed<T>(w.contiguous());
      const T largest = max_abs<T>(x);
      const bool identity = bits_ == 1 || largest == 0;
      return record("dorefa", values(levels<T>(x), w.shape()), {w}, [x, largest, identity](const Tensor& dq) {
        if (identity) return std::vector<Tensor>{dq};
        return std::vector<Tensor>{gradients<T>(x, dq, [largest](T h, T g) { return g * ((1 - h * h) / largest); }).dx};
      });
    });
  }

  WeightCodes deploy(const Tensor& w) const override {
    return packed(levels<float>(squashed<float>(dense_float(w))), w.shape(), max_code_, false);
  }

 private:
  /// tanh(w), or w itself for one bit.
  template <class T>
  Tensor squashed(const Tensor& w) const {
    return bits_ == 1 ? w : map<T>(w, [](T x) { return std::tanh(x); });
  }
  template <class T>
  static T max_abs(const Tensor& x) {
    T largest = 0;
    for (const T v : x.span<T>()) largest = std::max(largest, std::abs(v));
    return largest;
  }
  template <class T>
  Levels<T> levels(const Tensor& x) const {
    Levels<T> l(groups_of(x.shape(), false));
    const T* p = x.data<T>();
    const T largest = max_abs<T>(x), steps = static_cast<T>(max_code_);
    if (bits_ == 1 || largest == 0) {
      l.set_scale(0, narrow<T>(mean_abs(p, x.numel())));
      assign_codes(p, x.numel(), l.group(0), [](T v) { return v >= 0 ? 1 : -1; });
    } else {
      l.set_scale(0, T(1) / steps);
      assign_codes(p, x.numel(), l.group(0),
                   [=](T h) { return 2 * rne((h / (2 * largest) + T(0.5)) * steps) - steps; });
    }
    return l;
  }

  int bits_, max_code_;
};

class DorefaActs final : public ActQuantizer {
 public:
  explicit DorefaActs(const QuantSpec& spec) : top_((1 << spec.integer("bits")) - 1) {}

  Tensor forward(const Tensor& v, bool) override {
    return dispatch(v.dtype(), "dorefa", [&](auto zero) {
      using T = decltype(zero);
      const T top = static_cast<T>(top_), width = T(1) / top;
      return straight_through<T>(
          "dorefa", v, [=](T x) { return width * level(x, top); },
          [](T x) { return static_cast<bool>(static_cast<int>(x >= 0) & static_cast<int>(x <= 1)); });
    });
  }

  int lo() const override { return 0; }
  int hi() const override { return top_; }
  float step() const override { return 1.0f / static_cast<float>(top_); }
  int code(float v) const override { return static_cast<int>(level(v, static_cast<float>(top_))); }

 private:
  template <class T>
  static T level(T x, T top) {
    return rne(clip(x * top, T(0), top));  // equal to clip(x, 0, 1) * top, and compiled without branches
  }

  int top_;
};

}  // namespace

WeightMethod weight_dorefa() {
  return {{{"bits", "2", "1..7", "k: codes are the odd numbers up to 2^k - 1 of both signs"}},
          make_weights<DorefaWeights>};
}
ActMethod act_dorefa() { return {{{"bits", "2", "1..7", "k: codes are 0 .. 2^k - 1"}}, make_acts<DorefaActs>}; }

}  // namespace tern::quant
