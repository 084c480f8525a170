// max_pool, avg_pool, global_avg_pool. On codes the maximum is the maximum of the codes; an average leaves the code
// domain: exact sum S of the codes, then fl(fl(step * S) / count).
#include "nn/exact_ops.hpp"
#include "nn/layer_util.hpp"

namespace tern {
namespace {

class Pool2dLayer final : public Layer {
 public:
  Pool2dLayer(const LayerPlace& place, bool max) : max_(max) {
    const GraphNode& node = place.node;
    if (max)
      allow_keys(node, {"kernel", "stride", "pad", "ceil"});
    else
      allow_keys(node, {"kernel", "stride", "pad", "ceil", "count_pad"});
    expect_inputs(place, 1);
    const Shape& in = expect_rank(place, 0, 3);
    options_.kernel = bounded(node, "kernel", 1);
    options_.stride = bounded(node, "stride", 1, options_.kernel);
    options_.pad = bounded(node, "pad", 0, 0);
    options_.ceil = node.flag("ceil", false);
    options_.count_padding = node.flag("count_pad", false);
    if (2 * options_.pad > options_.kernel) throw ValueError(at_node(node) + "expected pad <= kernel / 2");
    const auto extent = [&](std::int64_t x) {
      return conv_out_extent(x, options_.kernel, options_.stride, options_.pad, 1, options_.ceil);
    };
    shape_ = {in[0], extent(in[1]), extent(in[2])};
  }

  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    if (max_) return {max_pool2d(in[0].t, options_), in[0].step, in[0].lo, in[0].hi, in[0].pad};
    if (context.training) return {avg_pool2d(in[0].t, options_)};
    return {avg_pool2d_in_order(in[0], options_)};
  }
  Shape output_shape() const override { return shape_; }

 private:
  bool max_;
  Pool2dOptions options_;
  Shape shape_;
};

class GlobalAvgPoolLayer final : public Layer {
 public:
  explicit GlobalAvgPoolLayer(const LayerPlace& place) {
    allow_keys(place.node, {});
    expect_inputs(place, 1);
    shape_ = expect_rank(place, 0, 3).with(1, 1).with(2, 1);
  }
  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    return {context.training ? global_avg_pool(in[0].t) : global_avg_pool_in_order(in[0])};
  }
  Shape output_shape() const override { return shape_; }

 private:
  Shape shape_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_max_pool(const LayerPlace& place) {
  return std::make_unique<Pool2dLayer>(place, true);
}
std::unique_ptr<Layer> make_layer_avg_pool(const LayerPlace& place) {
  return std::make_unique<Pool2dLayer>(place, false);
}
std::unique_ptr<Layer> make_layer_global_avg_pool(const LayerPlace& place) {
  return std::make_unique<GlobalAvgPoolLayer>(place);
}

}  // namespace tern
