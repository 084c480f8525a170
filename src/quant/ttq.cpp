// TTQ: ternary weights {-Wn, 0, +Wp} with two learned scales a layer.
//   D = t max|w|, t = 0.05;  q = +Wp if w > D, -Wn if w < -D, else 0;  gradients: two_scales.hpp, summed over the layer
// Options: t; init=twn (means of |w| over TWN's survivors of each side) or init=one (both 1). Wp, Wn >= 1e-4.
// Paper: Zhu, Han, Mao, Dally, "Trained ternary quantization", 2017, equations 6 to 9. Differs: the sign of dWn, which the
// printed formula omits.
#include <algorithm>

#include "quant/two_scales.hpp"

namespace tern {
namespace {

class Ttq final : public WeightQuantizer {
 public:
  explicit Ttq(const QuantSpec& spec) : wp_(learnable(Shape{1}, 1.0)), wn_(learnable(Shape{1}, 1.0)) {
    spec.allow_only({"t", "init"});
    t_ = spec.number("t", 0.05);
    if (t_ < 0 || t_ >= 1) throw ValueError("[ttq] expected t in [0, 1); got " + std::to_string(t_));
    const std::string init = spec.text("init", "twn");
    if (init != "twn" && init != "one") throw ValueError("[ttq] expected init=twn or init=one; got \"" + init + "\"");
    init_from_weights_ = init == "twn";
  }

  std::vector<NamedTensor> learnables() override { return {{"wp", wp_}, {"wn", wn_}}; }

  void init(const Tensor& w) override {
    if (!init_from_weights_) return;
    const Tensor dense = w.contiguous();
    const float* p = dense.data<float>();
    two_scales::init_scales(p, w.numel(), 0.7f * mean_abs(p, w.numel()), *wp_.data<float>(), *wn_.data<float>());
    after_step();
  }

  Tensor forward(const Tensor& w) override {
    return dispatch(w.dtype(), "ttq", [&](auto zero) {
      using T = decltype(zero);
      const Tensor dense = w.contiguous();
      const std::int64_t n = w.numel();
      const T d = threshold<T>(dense), ap = static_cast<T>(*wp_.data<float>()), an = static_cast<T>(*wn_.data<float>());
      const Tensor q = Tensor::empty(w.shape(), w.dtype());
      two_scales::forward(dense.data<T>(), n, d, ap, an, q.data<T>());
      return record("ttq", q, {w, wp_, wn_}, [dense, n, d, ap, an](const Tensor& dq) {
        const Tensor g = dq.contiguous(), dw = Tensor::empty(dense.shape(), dense.dtype());
        double dap = 0, dan = 0;
        two_scales::backward(dense.data<T>(), g.data<T>(), n, d, ap, an, dw.data<T>(), dap, dan);
        return std::vector<Tensor>{dw, Tensor::full(Shape{1}, dap), Tensor::full(Shape{1}, dan)};
      });
    });
  }

  void after_step() override {
    two_scales::project_scales(wp_);
    two_scales::project_scales(wn_);
  }

  WeightCodes deploy(const Tensor& w) const override {
    const Tensor dense = w.contiguous();
    const float d = threshold<float>(dense);
    WeightCodes out;
    out.shape = w.shape();
    for (const float x : dense.span<float>()) out.codes.push_back(static_cast<std::int8_t>(ternary_sign(x, d)));
    out.scale_pos.assign(static_cast<std::size_t>(w.size(0)), *wp_.data<float>());
    out.scale_neg.assign(static_cast<std::size_t>(w.size(0)), *wn_.data<float>());
    return out;
  }

 private:
  template <class T>
  T threshold(const Tensor& dense) const {
    T largest = 0;
    for (const T x : dense.span<T>()) largest = std::max(largest, std::abs(x));
    return static_cast<T>(t_) * largest;
  }

  Tensor wp_, wn_;
  double t_;
  bool init_from_weights_;
};

}  // namespace

std::unique_ptr<WeightQuantizer> make_weight_ttq(const QuantSpec& spec, const Shape&) { return std::make_unique<Ttq>(spec); }

}  // namespace tern
