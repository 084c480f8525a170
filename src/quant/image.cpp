// An 8-bit input image, so that a quantized first layer reads eight planes instead of floats:
//   q = s clip(rne(v / s), -128, 127),  s = step, fixed;  dv = dq 1{-128 s <= v <= 127 s}
// v is the normalised image. With the default step of 1/32 the levels cover four standard deviations to either side.
#include "quant/quant_util.hpp"

namespace tern::quant {
namespace {

class ImageActs final : public ActQuantizer {
 public:
  explicit ImageActs(const QuantSpec& spec) : step_(static_cast<float>(spec.number("step"))) {}

  Tensor forward(const Tensor& v, bool) override {
    return dispatch(v.dtype(), "image", [&](auto zero) {
      using T = decltype(zero);
      const T s = static_cast<T>(step_);
      return straight_through<T>(
          "image", v, [s](T x) { return s * level(x, s); },
          [s](T x) {
            return static_cast<bool>(static_cast<int>(x >= T(kLow) * s) & static_cast<int>(x <= T(kHigh) * s));
          });
    });
  }

  int lo() const override { return kLow; }
  int hi() const override { return kHigh; }
  float step() const override { return step_; }
  int code(float v) const override { return static_cast<int>(level(v, step_)); }

 private:
  static constexpr int kLow = -128, kHigh = 127;
  template <class T>
  static T level(T v, T s) {
    return rne(clip(v / s, T(kLow), T(kHigh)));
  }
  float step_;
};

}  // namespace

ActMethod act_image() {
  return {{{"step", "0.03125", "(0, 1e30]", "of the codes; a power of two makes code times step exact"}},
          make_acts<ImageActs>};
}

}  // namespace tern::quant
