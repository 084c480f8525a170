// rprelu: PReLU about a point of each channel's own, which is learned as the slope is.
//   y = prelu(x - a, slope) + b
// Paper: Liu, Shen, Savvides, Cheng, "ReActNet", 2020, where it is RPReLU.
#include "nn/layer_util.hpp"

namespace tern {
namespace {

class RPReluLayer final : public Layer {
 public:
  explicit RPReluLayer(const LayerPlace& place) {
    allow_keys(place.node, {});
    expect_inputs(place, 1);
    shape_ = place.inputs[0];
    const auto learned = [&](const char* name, double value) {
      return new_tensor(place, name, Shape{shape_[0]}, value).set_requires_grad(true);
    };
    a_ = learned("a", 0);
    b_ = learned("b", 0);
    slope_ = learned(tensor_names::kSlope, 0.25);
  }

  Value forward(const std::vector<Value>& in, const ForwardContext&) override {
    return {add(prelu(sub(in[0].real(), over_pixels(a_)), slope_), over_pixels(b_))};
  }
  Shape output_shape() const override { return shape_; }
  std::vector<Parameter> parameters() override {
    return {{"a", a_, ParamKind::kNorm}, {"b", b_, ParamKind::kNorm}, {tensor_names::kSlope, slope_, ParamKind::kNorm}};
  }

 private:
  // Of shape C 1 1, or C behind a dense layer.
  Tensor over_pixels(const Tensor& t) const {
    std::vector<std::int64_t> extents(static_cast<std::size_t>(shape_.rank()), 1);
    extents[0] = shape_[0];
    return reshape(t, Shape(extents));
  }

  Shape shape_;
  Tensor a_, b_, slope_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_rprelu(const LayerPlace& place) { return std::make_unique<RPReluLayer>(place); }

}  // namespace tern
