// input: the images, already normalised. mean and std are kept in the graph so that packed networks take raw bytes.
#include "nn/layer_util.hpp"

namespace tern {
namespace {

class InputLayer final : public Layer {
 public:
  explicit InputLayer(const LayerPlace& place) : shape_(Shape::parse(place.node.text("shape"))) {
    allow_keys(place.node, {"shape", "mean", "std"});
    expect_inputs(place, 0);
    if (shape_.rank() != 3 || shape_.numel() == 0) {
      throw ShapeError(at_node(place.node) + "expected shape=CxHxW; got " + shape_.str());
    }
    for (const char* key : {"mean", "std"}) {
      if (place.node.has(key) && static_cast<std::int64_t>(place.node.numbers(key).size()) != shape_[0]) {
        throw ShapeError(at_node(place.node) + "expected one " + key + " a channel");
      }
    }
  }
  Value forward(const std::vector<Value>& in, const ForwardContext&) override { return in[0]; }
  Shape output_shape() const override { return shape_; }

 private:
  Shape shape_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_input(const LayerPlace& place) { return std::make_unique<InputLayer>(place); }

}  // namespace tern
