// dropout and drop_path: noise in training, nothing in evaluation.
#include "nn/layer_util.hpp"

namespace tern {
namespace {

class DropoutLayer final : public Layer {
 public:
  DropoutLayer(const LayerPlace& place, bool whole_samples) : whole_samples_(whole_samples) {
    if (whole_samples)
      allow_keys(place.node, {});
    else
      allow_keys(place.node, {"p"});
    expect_inputs(place, 1);
    shape_ = place.inputs[0];
    p_ = whole_samples ? 0.0 : place.node.number("p", 0.5);
    if (p_ < 0 || p_ >= 1) throw ValueError(at_node(place.node) + "expected p in [0, 1)");
  }
  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    const double p = whole_samples_ ? context.drop_path : p_;
    if (!context.training || p == 0 || context.calibrating) return in[0];
    Value out = in[0];
    out.t = whole_samples_ ? drop_path(in[0].t, p, *context.rng) : dropout(in[0].t, p, *context.rng);
    return out;
  }
  Shape output_shape() const override { return shape_; }

 private:
  bool whole_samples_;
  double p_;
  Shape shape_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_dropout(const LayerPlace& place) {
  return std::make_unique<DropoutLayer>(place, false);
}
std::unique_ptr<Layer> make_layer_drop_path(const LayerPlace& place) {
  return std::make_unique<DropoutLayer>(place, true);
}

}  // namespace tern
