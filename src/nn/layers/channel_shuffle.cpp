// channel_shuffle: with the channels as a matrix of `groups` rows, its transpose (ShuffleNet: Zhang et al., 2018), so
// that a grouped convolution behind another one sees channels of every group. No arithmetic: codes stay codes.
#include "nn/layer_util.hpp"

namespace tern {
namespace {

class ChannelShuffleLayer final : public Layer {
 public:
  explicit ChannelShuffleLayer(const LayerPlace& place) : groups_(place.node.integer("groups")) {
    allow_keys(place.node, {"groups"});
    expect_inputs(place, 1);
    shape_ = expect_rank(place, 0, 3);
    if (groups_ < 1 || shape_[0] % groups_ != 0) {
      throw ValueError(at_node(place.node) + "expected groups that divide " + std::to_string(shape_[0]) +
                       " channels; got " + std::to_string(groups_));
    }
  }
  Value forward(const std::vector<Value>& in, const ForwardContext&) override {
    Value out = in[0];
    const std::int64_t n = out.t.size(0);
    const Tensor rows = reshape(out.t, Shape{n, groups_, shape_[0] / groups_, shape_[1] * shape_[2]});
    out.t = reshape(permute(rows, {0, 2, 1, 3}), out.t.shape());
    return out;
  }
  Shape output_shape() const override { return shape_; }

 private:
  std::int64_t groups_;
  Shape shape_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_channel_shuffle(const LayerPlace& place) {
  return std::make_unique<ChannelShuffleLayer>(place);
}

}  // namespace tern
