// Binary activations.
//   heaviside: q = 1{v > 0} in {0, 1},            dv = dq 1{|v| <= 1}     (HEQ, equation 8)
//   sign:      q = +1 if v >= 0 else -1,          dv = dq 1{|v| < 1}      (XNOR-Net)
#include "quant/quant_util.hpp"

namespace tern {
namespace {

class BinaryAct final : public ActQuantizer {
 public:
  BinaryAct(const QuantSpec& spec, bool sign) : sign_(sign) { spec.allow_only({}); }

  Tensor forward(const Tensor& v, bool) override {
    return dispatch(v.dtype(), "binary", [&](auto zero) {
      using T = decltype(zero);
      const bool sign = sign_;
      const Tensor dense = v.contiguous();
      const Tensor q = map<T>(dense, [sign](T x) { return sign ? (x >= T(0) ? T(1) : T(-1)) : static_cast<T>(x > T(0)); });
      return record(sign ? "sign" : "heaviside", q, {v}, [dense, sign](const Tensor& dq) {
        return std::vector<Tensor>{map2<T>(dense, dq, [sign](T x, T g) {
          return (sign ? std::abs(x) < T(1) : std::abs(x) <= T(1)) ? g : T(0);
        })};
      });
    });
  }
  int lo() const override { return sign_ ? -1 : 0; }
  int hi() const override { return 1; }
  float step() const override { return 1.0f; }
  int code(float v) const override { return sign_ ? (v >= 0 ? 1 : -1) : (v > 0 ? 1 : 0); }

 private:
  bool sign_;
};

}  // namespace

std::unique_ptr<ActQuantizer> make_act_heaviside(const QuantSpec& spec) { return std::make_unique<BinaryAct>(spec, false); }
std::unique_ptr<ActQuantizer> make_act_sign(const QuantSpec& spec) { return std::make_unique<BinaryAct>(spec, true); }

}  // namespace tern
