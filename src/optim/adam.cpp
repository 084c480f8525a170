// Adam and AdamW. t counts the steps of each parameter.
//   d = grad + weight_decay * w (adam) | grad (adamw);   adamw first: w -= lr * weight_decay * w
//   m = b1 m + (1 - b1) d;  v = b2 v + (1 - b2) d^2
//   w -= lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
// Papers: Kingma, Ba, 2015, algorithm 1; Loshchilov, Hutter, 2019, algorithm 2.
#include <cmath>
#include <string>

#include "optim/registry.hpp"
#include "optim/update_loop.hpp"
#include "tern/error.hpp"
#include "tern/optim.hpp"

namespace tern {
namespace {

class Adam final : public Optimizer {
 public:
  Adam(const Spec& spec, std::vector<ParamGroup> groups, bool decoupled)
      : Optimizer(std::move(groups)),
        beta1_(spec.number("beta1")),
        beta2_(spec.number("beta2")),
        eps_(spec.number("eps")),
        decoupled_(decoupled) {}

 protected:
  std::vector<NamedTensor> make_state(const Tensor& value) const override {
    return {{"m", Tensor::zeros(value.shape(), value.dtype())},
            {"v", Tensor::zeros(value.shape(), value.dtype())},
            {"t", Tensor::zeros(Shape{}, DType::kI64)}};
  }

  void update(Slot& slot, const Tensor& grad, double lr, double weight_decay) override {
    const auto t = static_cast<double>(++*slot.state[2].value.data<std::int64_t>());
    dispatch(slot.value.dtype(), "adam", [&](auto zero) {
      using T = decltype(zero);
      // The betas are rounded to T once and then used everywhere: the rounding of 0.999 to float moves 1 - b2 by 1e-5,
      // and weights that do not add up to what the bias correction assumes would scale every step by half of that.
      const T b1 = static_cast<T>(beta1_), b2 = static_cast<T>(beta2_), eps = static_cast<T>(eps_);
      const T a1 = T(1) - b1, a2 = T(1) - b2;  // exact for betas >= 0.5
      const T rate = static_cast<T>(lr / (1 - std::pow(static_cast<double>(b1), t)));
      const T correction = static_cast<T>(1 / (1 - std::pow(static_cast<double>(b2), t)));
      const T coupled = static_cast<T>(decoupled_ ? 0.0 : weight_decay);
      const T shrink = static_cast<T>(decoupled_ ? lr * weight_decay : 0.0);
      const std::array<Tensor, 2> state{slot.state[0].value, slot.state[1].value};
      update_elements<T>(slot.value, grad, state, slot.mask, [=](T& w, T g, std::array<T, 2>& s) {
        const T d = g + coupled * w;
        s[0] = b1 * s[0] + a1 * d;
        s[1] = b2 * s[1] + a2 * (d * d);
        w -= shrink * w;
        w -= rate * s[0] / (std::sqrt(s[1] * correction) + eps);
      });
    });
  }

 private:
  double beta1_, beta2_, eps_;
  bool decoupled_;
};

OptimizerMethod method(bool decoupled) {
  return {{{"beta1", "0.9", "[0, 1)", "decay of the mean gradient"},
           {"beta2", "0.999", "[0, 1)", "decay of the mean squared gradient"},
           {"eps", "1e-8", "(0, inf)", "added to the root, in units of the gradient"}},
          [=](const Spec& spec, auto groups) { return std::make_unique<Adam>(spec, std::move(groups), decoupled); }};
}

}  // namespace

OptimizerMethod optimizer_adam() { return method(false); }
OptimizerMethod optimizer_adamw() { return method(true); }

}  // namespace tern
