// Adam and AdamW. t counts the steps of each parameter.
//   d = grad + weight_decay * w (adam) | grad (adamw);   adamw first: w -= lr * weight_decay * w
//   m = b1 m + (1 - b1) d;  v = b2 v + (1 - b2) d^2
//   w -= lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
// Papers: Kingma, Ba, 2015, algorithm 1; Loshchilov, Hutter, 2019, algorithm 2.
#include <cmath>

#include "optim/update_loop.hpp"
#include "tern/error.hpp"
#include "tern/optim.hpp"

namespace tern {
namespace {

class Adam final : public Optimizer {
 public:
  Adam(const OptimizerOptions& o, std::vector<ParamGroup> groups, bool decoupled)
      : Optimizer(std::move(groups)), options_(o), decoupled_(decoupled) {
    if (o.beta1 < 0 || o.beta1 >= 1 || o.beta2 < 0 || o.beta2 >= 1 || o.eps <= 0) {
      throw ValueError("[adam] expected betas in [0, 1) and eps > 0");
    }
  }

 protected:
  std::vector<NamedTensor> make_state(const Tensor& value) const override {
    return {{"m", Tensor::zeros(value.shape(), value.dtype())},
            {"v", Tensor::zeros(value.shape(), value.dtype())},
            {"t", Tensor::zeros(Shape{}, DType::kI64)}};
  }

  void update(Slot& slot, double lr, double weight_decay) override {
    const auto t = static_cast<double>(++*slot.state[2].value.data<std::int64_t>());
    dispatch(slot.value.dtype(), "adam", [&](auto zero) {
      using T = decltype(zero);
      T* w = slot.value.data<T>();
      T* m = slot.state[0].value.data<T>();
      T* v = slot.state[1].value.data<T>();
      const T* g = slot.value.grad().data<T>();
      const T b1 = static_cast<T>(options_.beta1), b2 = static_cast<T>(options_.beta2), eps = static_cast<T>(options_.eps);
      const T rate = static_cast<T>(lr / (1 - std::pow(options_.beta1, t)));
      const T correction = static_cast<T>(1 / (1 - std::pow(options_.beta2, t)));
      const T coupled = static_cast<T>(decoupled_ ? 0.0 : weight_decay);
      const T shrink = static_cast<T>(decoupled_ ? lr * weight_decay : 0.0);
      for_each_updated<T>(slot.value.numel(), slot.mask, [=](std::int64_t i) {
        const T d = g[i] + coupled * w[i];
        w[i] -= shrink * w[i];
        m[i] = b1 * m[i] + (T(1) - b1) * d;
        v[i] = b2 * v[i] + (T(1) - b2) * d * d;
        w[i] -= rate * m[i] / (std::sqrt(v[i] * correction) + eps);
      });
    });
  }

 private:
  OptimizerOptions options_;
  bool decoupled_;
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer_adam(const OptimizerOptions& o, std::vector<ParamGroup> groups) {
  return std::make_unique<Adam>(o, std::move(groups), false);
}
std::unique_ptr<Optimizer> make_optimizer_adamw(const OptimizerOptions& o, std::vector<ParamGroup> groups) {
  return std::make_unique<Adam>(o, std::move(groups), true);
}

}  // namespace tern
