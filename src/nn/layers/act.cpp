// act: real activation functions by kind.
#include "nn/layer_util.hpp"

namespace tern {
namespace {

class ActLayer final : public Layer {
 public:
  explicit ActLayer(const LayerPlace& place) : kind_(place.node.text("kind")) {
    allow_keys(place.node, {"kind"});
    expect_inputs(place, 1);
    shape_ = place.inputs[0];
    if (kind_ == "relu")
      function_ = relu;
    else if (kind_ == "hardtanh")
      function_ = hardtanh;
    else if (kind_ == "tanh")
      function_ = tern::tanh;
    else if (kind_ == "sigmoid")
      function_ = sigmoid;
    else if (kind_ == "prelu")
      slope_ = new_tensor(place, tensor_names::kSlope, Shape{shape_[0]}, 0.25).set_requires_grad(true);
    else if (kind_ != "none")
      throw ValueError(at_node(place.node) + "unknown kind \"" + kind_ +
                       "\"; known: relu, prelu, hardtanh, tanh, sigmoid, none");
  }

  Value forward(const std::vector<Value>& in, const ForwardContext&) override {
    if (kind_ == "none") return in[0];
    const Tensor x = in[0].real();
    return {slope_.defined() ? prelu(x, slope_) : function_(x)};
  }
  Shape output_shape() const override { return shape_; }
  bool is_relu() const override { return kind_ == "relu"; }
  std::vector<Parameter> parameters() override {
    if (!slope_.defined()) return {};
    return {{tensor_names::kSlope, slope_, ParamKind::kNorm}};
  }

 private:
  std::string kind_;
  Tensor (*function_)(const Tensor&) = nullptr;
  Tensor slope_;
  Shape shape_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_act(const LayerPlace& place) { return std::make_unique<ActLayer>(place); }

}  // namespace tern
