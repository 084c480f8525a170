// conv2d: convolution whose weights may be quantized.
#include <tuple>

#include "nn/exact_ops.hpp"
#include "nn/weighted_layer.hpp"

namespace tern {
namespace {

struct Geometry {
  Conv2dOptions options;
  Shape weights, output;
};

Geometry geometry_of(const LayerPlace& place) {
  const GraphNode& node = place.node;
  const std::int64_t out = bounded(node, "out", 1), groups = bounded(node, "groups", 1, 1);
  const auto [kernel_h, kernel_w] = bounded_pair(node, "kernel", 1);
  const Shape& in = expect_rank(place, 0, 3);
  if (in[0] % groups != 0 || out % groups != 0) {
    throw ValueError(at_node(node) + "expected groups that divide " + std::to_string(in[0]) + " inputs and " +
                     std::to_string(out) + " outputs");
  }
  Conv2dOptions o;
  std::tie(o.stride_h, o.stride_w) = bounded_pair(node, "stride", 1, 1);
  std::tie(o.pad_h, o.pad_w) = bounded_pair(node, "pad", 0, 0);
  std::tie(o.dilation_h, o.dilation_w) = bounded_pair(node, "dilation", 1, 1);
  o.groups = groups;
  const Shape result{out, conv_out_extent(in[1], kernel_h, o.stride_h, o.pad_h, o.dilation_h),
                     conv_out_extent(in[2], kernel_w, o.stride_w, o.pad_w, o.dilation_w)};
  return {o, {out, in[0] / groups, kernel_h, kernel_w}, bounded_result(node, result)};
}

class Conv2dLayer final : public WeightedLayer {
 public:
  explicit Conv2dLayer(const LayerPlace& place) : Conv2dLayer(place, geometry_of(place)) {}
  Shape output_shape() const override { return output_; }
  std::int64_t macs() const override { return weight().numel() * output_[1] * output_[2]; }

 private:
  Conv2dLayer(const LayerPlace& place, const Geometry& g)
      : WeightedLayer(place, g.weights, false), options_(g.options), output_(g.output) {
    allow_keys(place.node, {"out", "kernel", "stride", "pad", "dilation", "groups", "bias", "weights", "init"});
    expect_inputs(place, 1);
  }

  // A border of zeros is the convolution's own affair; any other value is written around the image first.
  Tensor multiply(const Tensor& x, float border, const Tensor& w, const Tensor& bias, Sums sums) const override {
    Conv2dOptions o = options_;
    Tensor image = x;
    if (border != 0) {
      image = pad(pad(x, 2, o.pad_h, o.pad_h, border), 3, o.pad_w, o.pad_w, border);
      o.pad_h = o.pad_w = 0;
    }
    return sums == Sums::kInOrder ? conv2d_in_order(image, w, bias, o) : conv2d(image, w, bias, o);
  }

  Conv2dOptions options_;
  Shape output_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_conv2d(const LayerPlace& place) { return std::make_unique<Conv2dLayer>(place); }

}  // namespace tern
