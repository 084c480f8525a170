// Binary activations.
//   heaviside: q = 1{v > 0} in {0, 1},    dv = dq 1{|v| <= 1}
//   sign:      q = +1 if v >= 0 else -1,  dv = dq 1{|v| < 1}
// The sign has no code 0, so both of its thresholds are 0, and a padded zero counts as +1.
// Papers: Nguyen, Guicquero, Sicard, "Histogram-equalized quantization", 2022, section IV-A (heaviside, without a word
// on its gradient); Courbariaux, Hubara, Soudry, El-Yaniv, Bengio, "Binarized neural networks", 2016 (sign).
// Differs: the window of the latter has its ends, |v| <= 1.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

class Heaviside final : public ActQuantizer {
 public:
  explicit Heaviside(const QuantSpec&) {}

  Tensor forward(const Tensor& v, bool) override {
    return dispatch(v.dtype(), "heaviside", [&](auto zero) {
      using T = decltype(zero);
      return straight_through<T>(
          "heaviside", v, [](T x) { return x > 0 ? T(1) : T(0); }, [](T x) { return within_one(x); });
    });
  }

  int lo() const override { return 0; }
  int hi() const override { return 1; }
  float step() const override { return 1.0f; }
  int code(float v) const override { return v > 0 ? 1 : 0; }
};

class Sign final : public ActQuantizer {
 public:
  explicit Sign(const QuantSpec&) {}

  Tensor forward(const Tensor& v, bool) override {
    return dispatch(v.dtype(), "sign", [&](auto zero) {
      using T = decltype(zero);
      return straight_through<T>(
          "sign", v, [](T x) { return x >= 0 ? T(1) : T(-1); }, [](T x) { return std::abs(x) < T(1); });
    });
  }

  int lo() const override { return -1; }
  int hi() const override { return 1; }
  float step() const override { return 1.0f; }
  int code(float v) const override { return v >= 0 ? 1 : -1; }
};

}  // namespace

ActMethod act_heaviside() { return {{}, make_acts<Heaviside>}; }
ActMethod act_sign() { return {{}, make_acts<Sign>}; }

}  // namespace tern::quant
