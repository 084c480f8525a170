// shift: y[n,c,h,w] = x[n,c,h+by,w+by], zero outside (what a convolution would pad with, behind a quantizer). The odd
// pixels of a factorized reduce.
#include "nn/layer_util.hpp"

namespace tern {
namespace {

class ShiftLayer final : public Layer {
 public:
  explicit ShiftLayer(const LayerPlace& place) : by_(place.node.integer("by")) {
    allow_keys(place.node, {"by"});
    expect_inputs(place, 1);
    shape_ = expect_rank(place, 0, 3);
    if (by_ < 0 || by_ > shape_[1] || by_ > shape_[2]) {
      throw ValueError(at_node(place.node) + "expected by within the image; got " + std::to_string(by_));
    }
  }
  Value forward(const std::vector<Value>& in, const ForwardContext&) override {
    Value out = in[0];
    for (const int dim : {2, 3}) out.t = pad(slice(out.t, dim, by_, out.t.size(dim)), dim, 0, by_, out.pad);
    return out;
  }
  Shape output_shape() const override { return shape_; }

 private:
  std::int64_t by_;
  Shape shape_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_shift(const LayerPlace& place) { return std::make_unique<ShiftLayer>(place); }

}  // namespace tern
