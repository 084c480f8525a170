// Stochastic gradient descent with momentum, undampened:
//   d = grad + weight_decay * w;  buf = momentum * buf + d;  w -= lr * buf          (Nesterov: w -= lr * (d + momentum
//   * buf))
// Paper: Sutskever et al., 2013, in the form where lr multiplies the whole buffer, so that a change of lr acts at once.
#include <string>

#include "optim/registry.hpp"
#include "optim/update_loop.hpp"
#include "tern/error.hpp"
#include "tern/optim.hpp"

namespace tern {
namespace {

class Sgd final : public Optimizer {
 public:
  Sgd(const Spec& spec, std::vector<ParamGroup> groups)
      : Optimizer(std::move(groups)),
        own_momentum_(spec.number("momentum")),
        momentum_(own_momentum_),
        nesterov_(spec.flag("nesterov")) {}
  void set_momentum(std::optional<double> momentum) override { momentum_ = checked(momentum.value_or(own_momentum_)); }

 protected:
  std::vector<NamedTensor> make_state(const Tensor& value) const override {
    return {{"momentum", Tensor::zeros(value.shape(), value.dtype())}};
  }

  void update(Slot& slot, const Tensor& grad, double lr, double weight_decay) override {
    dispatch(slot.value.dtype(), "sgd", [&](auto zero) {
      using T = decltype(zero);
      const T rate = static_cast<T>(lr), mom = static_cast<T>(momentum_), decay = static_cast<T>(weight_decay);
      const std::array<Tensor, 1> state{slot.state[0].value};
      if (nesterov_) {
        update_elements<T>(slot.value, grad, state, slot.mask, [=](T& w, T g, std::array<T, 1>& s) {
          const T d = g + decay * w;
          s[0] = mom * s[0] + d;
          w -= rate * (d + mom * s[0]);
        });
      } else {
        update_elements<T>(slot.value, grad, state, slot.mask, [=](T& w, T g, std::array<T, 1>& s) {
          s[0] = mom * s[0] + (g + decay * w);
          w -= rate * s[0];
        });
      }
    });
  }

 private:
  static double checked(double momentum) {
    if (momentum >= 0 && momentum < 1) return momentum;
    throw ValueError("[sgd] expected momentum in [0, 1); got " + std::to_string(momentum));
  }

  double own_momentum_, momentum_;
  bool nesterov_;
};

}  // namespace

OptimizerMethod optimizer_sgd() {
  return {{{"momentum", "0.9", "[0, 1)", "share of the last step that goes into the next one"},
           {"nesterov", "0", "0|1", "looks ahead along the momentum"}},
          [](const Spec& spec, auto groups) { return std::make_unique<Sgd>(spec, std::move(groups)); }};
}

}  // namespace tern
