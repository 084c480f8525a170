// linear: y = x w^T + bias, with weights that may be quantized.
#include "nn/exact_ops.hpp"
#include "nn/weighted_layer.hpp"

namespace tern {
namespace {

class LinearLayer final : public WeightedLayer {
 public:
  explicit LinearLayer(const LayerPlace& place)
      : WeightedLayer(place, {bounded(place.node, "out", 1), expect_rank(place, 0, 1)[0]}, true) {
    allow_keys(place.node, {"out", "bias", "weights", "init"});
    expect_inputs(place, 1);
  }
  Shape output_shape() const override { return {weight().size(0)}; }
  std::int64_t macs() const override { return weight().numel(); }

 private:
  Tensor multiply(const Tensor& x, float, const Tensor& w, const Tensor& bias, Sums sums) const override {
    return sums == Sums::kInOrder ? linear_in_order(x, w, bias) : linear(x, w, bias);
  }
};

}  // namespace

std::unique_ptr<Layer> make_layer_linear(const LayerPlace& place) { return std::make_unique<LinearLayer>(place); }

}  // namespace tern
