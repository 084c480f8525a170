// TTQ: ternary weights {-Wn, 0, +Wp} with learned scales, one pair a layer.
//   D = t max|w|,  q = +Wp if w > D, -Wn if w < -D, else 0;   Wp, Wn >= 1e-4
//   dWp = sum over {w > D} of dq,   dWn = - sum over {w < -D} of dq
//   dw = Wp dq (w > D),  dq (|w| <= D),  Wn dq (w < -D)
// init=twn (default): each scale starts at the mean of |w| beyond 0.7 E|w| on its side; init=one: at 1.
// Paper: Zhu, Han, Mao, Dally, "Trained ternary quantization", 2017, equations 6 to 9.
// Differs: the printed dWn lacks the minus that the level -Wn gives.
#include "quant/two_scales.hpp"

namespace tern::quant {
namespace {

class Ttq final : public WeightQuantizer {
 public:
  explicit Ttq(const QuantSpec& spec) : t_(spec.number("t")), from_weights_(spec.text("init") == "twn") {}

  std::vector<NamedTensor> learnables() override { return {{"wp", wp_}, {"wn", wn_}}; }

  void init(const Tensor& w) override {
    if (!from_weights_) return;
    const Tensor dense = dense_float(w);
    const float* p = dense.data<float>();
    const std::int64_t n = dense.numel();
    const float threshold = 0.7f * narrow<float>(mean_abs(p, n));
    at(wp_) = side_scale(p, n, threshold, 1.0f);
    at(wn_) = side_scale(p, n, threshold, -1.0f);
  }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "ttq", [&](auto zero) {
      using T = decltype(zero);
      const auto l = std::make_shared<const Levels<T>>(levels<T>(w.contiguous()));
      return record("ttq", values(*l, w.shape()), {w, wp_, wn_}, [l, shape = w.shape()](const Tensor& dq) {
        const TwoScaleGradients d = two_scale_gradients(*l, dq, shape);
        return std::vector<Tensor>{d.dw, one(d.dpos[0]), one(d.dneg[0])};
      });
    });
  }

  void after_step() override {
    project(wp_, 1e-4f, kLargestScale);
    project(wn_, 1e-4f, kLargestScale);
  }

  WeightCodes deploy(const Tensor& w) const override { return packed(levels<float>(dense_float(w)), w.shape()); }

 private:
  template <class T>
  Levels<T> levels(const Tensor& w) const {
    Levels<T> l(groups_of(w.shape(), false));
    const T* p = w.data<T>();
    T largest = 0;
    for (std::int64_t i = 0; i < w.numel(); ++i) largest = std::max(largest, std::abs(p[i]));
    l.pos[0] = static_cast<T>(at(wp_));
    l.neg[0] = static_cast<T>(at(wn_));
    assign_codes(p, w.numel(), l.group(0), [d = static_cast<T>(t_) * largest](T x) { return ternary_sign(x, d); });
    return l;
  }

  double t_;
  bool from_weights_;
  Tensor wp_ = learnable(Shape{1}, 1.0), wn_ = learnable(Shape{1}, 1.0);
};

}  // namespace

WeightMethod weight_ttq() {
  return {{{"t", "0.05", "[0, 1)", "the threshold as a share of max|w|"},
           {"init", "twn", "twn|one", "each scale starts at the mean of |w| beyond 0.7 E|w| on its side, or at 1"}},
          make_weights<Ttq>};
}

}  // namespace tern::quant
