// SGD with momentum (PyTorch's form, without dampening):
//   d = grad + weight_decay * w;  buf = momentum * buf + d;  w -= lr * buf          (Nesterov: w -= lr * (d + momentum * buf))
#include "optim/update_loop.hpp"
#include "tern/error.hpp"
#include "tern/optim.hpp"

namespace tern {
namespace {

class Sgd final : public Optimizer {
 public:
  Sgd(const OptimizerOptions& o, std::vector<ParamGroup> groups)
      : Optimizer(std::move(groups)), momentum_(o.momentum), nesterov_(o.nesterov) {
    if (momentum_ < 0 || momentum_ >= 1) throw ValueError("[sgd] expected momentum in [0, 1); got " + std::to_string(momentum_));
  }
  void set_momentum(double momentum) override { momentum_ = momentum; }

 protected:
  std::vector<NamedTensor> make_state(const Tensor& value) const override {
    return {{"momentum", Tensor::zeros(value.shape(), value.dtype())}};
  }

  void update(Slot& slot, double lr, double weight_decay) override {
    dispatch(slot.value.dtype(), "sgd", [&](auto zero) {
      using T = decltype(zero);
      T* w = slot.value.data<T>();
      T* buf = slot.state[0].value.data<T>();
      const T* g = slot.value.grad().data<T>();
      const T rate = static_cast<T>(lr), mom = static_cast<T>(momentum_), decay = static_cast<T>(weight_decay);
      const bool nesterov = nesterov_;
      for_each_updated<T>(slot.value.numel(), slot.mask, [=](std::int64_t i) {
        const T d = g[i] + decay * w[i];
        buf[i] = mom * buf[i] + d;
        w[i] -= rate * (nesterov ? d + mom * buf[i] : buf[i]);
      });
    });
  }

 private:
  double momentum_;
  bool nesterov_;
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer_sgd(const OptimizerOptions& o, std::vector<ParamGroup> groups) {
  return std::make_unique<Sgd>(o, std::move(groups));
}

}  // namespace tern
