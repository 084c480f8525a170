// flatten: C H W to one vector; codes stay codes.
#include "nn/layer_util.hpp"

namespace tern {
namespace {

class FlattenLayer final : public Layer {
 public:
  explicit FlattenLayer(const LayerPlace& place) {
    allow_keys(place.node, {});
    expect_inputs(place, 1);
    shape_ = {place.inputs[0].numel()};
  }
  Value forward(const std::vector<Value>& in, const ForwardContext&) override {
    Value out = in[0];
    out.t = flatten(in[0].t);
    return out;
  }
  Shape output_shape() const override { return shape_; }

 private:
  Shape shape_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_flatten(const LayerPlace& place) { return std::make_unique<FlattenLayer>(place); }

}  // namespace tern
