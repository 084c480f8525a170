// Binary activations.
//   heaviside: q = 1{v > 0} in {0, 1},    dv = dq 1{|v| <= 1}      (HEQ)
//   sign:      q = +1 if v >= 0 else -1,  dv = dq 1{|v| < 1}       (Courbariaux et al., "Binarized neural networks",
//   2016)
// The sign has no code 0, so both of its thresholds are 0, and a padded zero counts as +1.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

class Heaviside final : public ActQuantizer {
 public:
  explicit Heaviside(const QuantSpec& spec) { spec.allow_only({}); }

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
  explicit Sign(const QuantSpec& spec) { spec.allow_only({}); }

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

std::unique_ptr<ActQuantizer> make_act_heaviside(const QuantSpec& spec) { return std::make_unique<Heaviside>(spec); }
std::unique_ptr<ActQuantizer> make_act_sign(const QuantSpec& spec) { return std::make_unique<Sign>(spec); }

}  // namespace tern::quant
