// add and concat: layers with several inputs. A sum is a sum of real values; joined channels stay codes if all inputs
// are codes of the same range and step.
#include <algorithm>

#include "nn/layer_util.hpp"

namespace tern {
namespace {

class AddLayer final : public Layer {
 public:
  explicit AddLayer(const LayerPlace& place) {
    allow_keys(place.node, {});
    if (place.inputs.size() < 2) throw ValueError(at_node(place.node) + "expected at least 2 inputs");
    shape_ = place.inputs[0];
    for (const Shape& s : place.inputs) {
      if (!(s == shape_))
        throw ShapeError(at_node(place.node) + "expected equal shapes; got " + shape_.str() + " and " + s.str());
    }
  }
  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    Tensor sum = in[0].real();
    for (std::size_t i = 1; i < in.size(); ++i) {
      const bool last = i + 1 == in.size();
      sum = last && context.then_relu ? add_relu(sum, in[i].real()) : add(sum, in[i].real());
    }
    return {sum};
  }
  Shape output_shape() const override { return shape_; }
  bool can_fuse_relu() const override { return true; }

 private:
  Shape shape_;
};

class ConcatLayer final : public Layer {
 public:
  explicit ConcatLayer(const LayerPlace& place) {
    allow_keys(place.node, {});
    if (place.inputs.empty()) throw ValueError(at_node(place.node) + "expected at least 1 input");
    std::int64_t channels = 0;
    for (std::size_t i = 0; i < place.inputs.size(); ++i) {
      const Shape& s = expect_rank(place, i, 3);
      if (s[1] != place.inputs[0][1] || s[2] != place.inputs[0][2]) {
        throw ShapeError(at_node(place.node) + "expected equal heights and widths; got " + place.inputs[0].str() +
                         " and " + s.str());
      }
      channels += s[0];
    }
    shape_ = place.inputs[0].with(0, channels);
  }
  Value forward(const std::vector<Value>& in, const ForwardContext&) override {
    const Value& first = in[0];
    const bool codes = std::all_of(in.begin(), in.end(), [&](const Value& v) {
      return v.is_codes() && v.step == first.step && v.lo == first.lo && v.hi == first.hi;
    });
    for (const Value& v : in) {
      if (v.pad != first.pad || (first.pad != 0 && first.is_codes() && !codes)) {
        throw ValueError(
            "[concat] expected inputs that are padded with one value; join them in front of their quantizers");
      }
    }
    std::vector<Tensor> parts;
    for (const Value& v : in) parts.push_back(codes ? v.t : v.real());
    const Tensor joined = concat(parts, 1);
    return codes ? Value{joined, first.step, first.lo, first.hi, first.pad} : Value{joined, 0, 0, 0, first.pad};
  }
  Shape output_shape() const override { return shape_; }

 private:
  Shape shape_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_add(const LayerPlace& place) { return std::make_unique<AddLayer>(place); }
std::unique_ptr<Layer> make_layer_concat(const LayerPlace& place) { return std::make_unique<ConcatLayer>(place); }

}  // namespace tern
