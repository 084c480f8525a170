// given and mix: what a network under architecture search has besides ordinary layers. A `given` node brings the mixing
// weights in, a matrix with one row an edge and one column a candidate operation; a `mix` node adds the candidates of an
// edge up:
//   y = sum_i p[row, column_i] x_i
// Candidates that were left out (Network::set_left_out) and those that are always zero have no summand.
#include "nn/layer_util.hpp"

namespace tern {
namespace {

class GivenLayer final : public Layer {
 public:
  explicit GivenLayer(const LayerPlace& place)
      : shape_(Shape::parse(place.node.text("shape"))), value_(Tensor::zeros(shape_)) {
    allow_keys(place.node, {"shape"});
    expect_inputs(place, 0);
  }
  Value forward(const std::vector<Value>&, const ForwardContext&) override { return {value_}; }
  Shape output_shape() const override { return shape_; }
  void give(const Tensor& value) override {
    if (!(value.shape() == shape_)) {
      throw ShapeError("[given] expected a tensor of shape " + shape_.str() + "; got " + value.shape().str());
    }
    value_ = value;
  }

 private:
  Shape shape_;
  Tensor value_;
};

class MixLayer final : public Layer {
 public:
  explicit MixLayer(const LayerPlace& place) : row_(place.node.integer("row")) {
    const GraphNode& node = place.node;
    allow_keys(node, {"row", "columns"});
    for (const float c : node.numbers("columns")) columns_.push_back(static_cast<std::int64_t>(c));
    if (columns_.empty()) throw ValueError(at_node(node) + "expected at least one column");
    expect_inputs(place, columns_.size() + 1);
    const Shape& weights = expect_rank(place, 0, 2);
    for (const std::int64_t c : columns_) {
      if (row_ < 0 || row_ >= weights[0] || c < 0 || c >= weights[1]) {
        throw ValueError(at_node(node) + "expected row and columns within " + weights.str());
      }
    }
    shape_ = place.inputs[1];
    for (std::size_t i = 2; i < place.inputs.size(); ++i) {
      if (!(place.inputs[i] == shape_)) {
        throw ShapeError(at_node(node) + "expected equal shapes; got " + shape_.str() + " and " + place.inputs[i].str());
      }
    }
  }

  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    std::vector<Tensor> summands, weights;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!in[i + 1].t.defined()) continue;
      summands.push_back(in[i + 1].real());
      weights.push_back(slice(slice(in[0].t, 0, row_, row_ + 1), 1, columns_[i], columns_[i] + 1));
    }
    if (summands.empty()) {
      std::vector<std::int64_t> extents{context.batch};
      for (const std::int64_t e : shape_.extents()) extents.push_back(e);
      return {Tensor::zeros(Shape(extents))};
    }
    const auto count = static_cast<std::int64_t>(summands.size());
    return {weighted_sum(summands, reshape(concat(weights, 1), Shape{count}))};
  }
  Shape output_shape() const override { return shape_; }

 private:
  std::int64_t row_;
  std::vector<std::int64_t> columns_;
  Shape shape_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_given(const LayerPlace& place) { return std::make_unique<GivenLayer>(place); }
std::unique_ptr<Layer> make_layer_mix(const LayerPlace& place) { return std::make_unique<MixLayer>(place); }

}  // namespace tern
