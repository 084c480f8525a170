// pad_channels: ResNet's weightless shortcut (option A), every stride-th pixel and zero channels in front and behind.
#include "nn/layer_util.hpp"

namespace tern {
namespace {

class PadChannelsLayer final : public Layer {
 public:
  explicit PadChannelsLayer(const LayerPlace& place) {
    const GraphNode& node = place.node;
    allow_keys(node, {"front", "back", "stride"});
    expect_inputs(place, 1);
    const Shape& in = expect_rank(place, 0, 3);
    front_ = bounded(node, "front", 0);
    back_ = bounded(node, "back", 0);
    stride_ = bounded(node, "stride", 1, 1);
    shape_ = {in[0] + front_ + back_, (in[1] + stride_ - 1) / stride_, (in[2] + stride_ - 1) / stride_};
  }
  Value forward(const std::vector<Value>& in, const ForwardContext&) override {
    return {shortcut_pad(in[0].real(), stride_, front_, back_)};
  }
  Shape output_shape() const override { return shape_; }

 private:
  std::int64_t front_, back_, stride_;
  Shape shape_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_pad_channels(const LayerPlace& place) {
  return std::make_unique<PadChannelsLayer>(place);
}

}  // namespace tern
