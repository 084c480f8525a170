// batch_norm over channels; see ops/norm.cpp for the equation.
#include "nn/layer_util.hpp"

namespace tern {
namespace {

class BatchNormLayer final : public Layer {
 public:
  explicit BatchNormLayer(const LayerPlace& place) {
    const GraphNode& node = place.node;
    allow_keys(node, {"eps", "momentum", "affine"});
    expect_inputs(place, 1);
    shape_ = place.inputs[0];
    options_.eps = node.number("eps", 1e-5);
    options_.momentum = node.number("momentum", 0.1);
    if (options_.eps <= 0 || options_.momentum < 0 || options_.momentum > 1) {
      throw ValueError(at_node(node) + "expected eps > 0 and momentum in [0, 1]");
    }
    const Shape channels{shape_[0]};
    if (node.flag("affine", true)) {
      gamma_ = new_tensor(place, tensor_names::kGamma, channels, 1).set_requires_grad(true);
      beta_ = new_tensor(place, tensor_names::kBeta, channels, 0).set_requires_grad(true);
    }
    state_ = {new_tensor(place, tensor_names::kRunningMean, channels, 0),
              new_tensor(place, tensor_names::kRunningVar, channels, 1)};
  }

  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    BatchNormOptions options = options_;
    options.training = context.training;
    options.update_running = context.update_running;
    options.fuse_relu = context.then_relu;
    return {batch_norm(in[0].real(), gamma_, beta_, state_, options)};
  }

  Shape output_shape() const override { return shape_; }
  std::int64_t least_batch() const override { return shape_.numel() == shape_[0] ? 2 : 1; }
  bool can_fuse_relu() const override { return true; }
  std::vector<Parameter> parameters() override {
    if (!gamma_.defined()) return {};
    return {{tensor_names::kGamma, gamma_, ParamKind::kNorm}, {tensor_names::kBeta, beta_, ParamKind::kNorm}};
  }
  std::vector<NamedTensor> buffers() override {
    return {{tensor_names::kRunningMean, state_.running_mean}, {tensor_names::kRunningVar, state_.running_var}};
  }

 private:
  Shape shape_;
  BatchNormOptions options_;
  Tensor gamma_, beta_;
  BatchNormState state_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_batch_norm(const LayerPlace& place) {
  return std::make_unique<BatchNormLayer>(place);
}

}  // namespace tern
