// given and mix: what a network under architecture search has besides ordinary layers. A `given` node brings the mixing
// weights in, a matrix with one row an edge and one column a candidate operation; a `mix` node adds the candidates of
// an edge up:
//   y = sum_i p[row, column_i] x_i
// Inputs whose column stands in `normed` go through a batch norm that does not learn first, in the same pass: that
// saves the memory of their normalised values, a third of what such a network keeps for its backward. Candidates that
// were left out (Network::set_left_out) and those that are always zero have no summand.
#include <algorithm>

#include "nn/layer_util.hpp"

namespace tern {
namespace {

class GivenLayer final : public Layer {
 public:
  explicit GivenLayer(const LayerPlace& place) : shape_(Shape::parse(place.node.text("shape"))) {
    allow_keys(place.node, {"shape"});
    expect_inputs(place, 0);
    if (shape_.numel() > kMostNumbers) {
      throw ShapeError(at_node(place.node) + "expected at most " + std::to_string(kMostNumbers) + " numbers; got " +
                       shape_.str());
    }
    value_ = Tensor::zeros(shape_);
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
  static constexpr std::int64_t kMostNumbers = 1 << 20;
  Shape shape_;
  Tensor value_;
};

class MixLayer final : public Layer {
 public:
  explicit MixLayer(const LayerPlace& place) : row_(place.node.integer("row")) {
    const GraphNode& node = place.node;
    allow_keys(node, {"row", "columns", "normed"});
    const auto index = [](float c) { return c >= 0 && c < 1e6f ? static_cast<std::int64_t>(c) : -1; };
    for (const float c : node.numbers("columns")) columns_.push_back(index(c));
    if (columns_.empty()) throw ValueError(at_node(node) + "expected at least one column");
    expect_inputs(place, columns_.size() + 1);
    const Shape& weights = expect_rank(place, 0, 2);
    for (const std::int64_t c : columns_) {
      if (row_ < 0 || row_ >= weights[0] || c < 0 || c >= weights[1]) {
        throw ValueError(at_node(node) + "expected row and columns within " + weights.str());
      }
    }
    std::vector<float> normed;
    if (node.has("normed")) normed = node.numbers("normed");
    states_.resize(columns_.size());
    for (const float c : normed) {
      const auto at = std::find(columns_.begin(), columns_.end(), index(c));
      if (at == columns_.end()) throw ValueError(at_node(node) + "expected normed to be among the columns");
      const Shape channels{expect_rank(place, 1, 3)[0]};
      const std::string name = state_name(*at);
      states_[static_cast<std::size_t>(at - columns_.begin())] = {
          new_tensor(place, name + tensor_names::kRunningMean, channels, 0),
          new_tensor(place, name + tensor_names::kRunningVar, channels, 1)};
    }
    shape_ = place.inputs[1];
    for (std::size_t i = 2; i < place.inputs.size(); ++i) {
      if (!(place.inputs[i] == shape_)) {
        throw ShapeError(at_node(node) + "expected equal shapes; got " + shape_.str() + " and " +
                         place.inputs[i].str());
      }
    }
  }

  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    Summands plain, normed;
    std::vector<BatchNormState> states;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!in[i + 1].t.defined()) continue;
      const bool norm = states_[i].running_mean.defined();
      if (norm) states.push_back(states_[i]);
      Summands& to = norm ? normed : plain;
      to.values.push_back(in[i + 1].real());
      to.weights.push_back(slice(slice(in[0].t, 0, row_, row_ + 1), 1, columns_[i], columns_[i] + 1));
    }
    if (plain.values.empty() && normed.values.empty()) {
      std::vector<std::int64_t> extents{context.batch};
      for (const std::int64_t e : shape_.extents()) extents.push_back(e);
      return {Tensor::zeros(Shape(extents))};
    }
    Tensor y;
    if (!normed.values.empty()) {
      BatchNormOptions options;
      options.training = context.training;
      options.update_running = context.update_running;
      y = mixed_batch_norm(normed.values, normed.joined(), states, options);
    }
    if (!plain.values.empty()) {
      const Tensor sum = weighted_sum(plain.values, plain.joined());
      y = y.defined() ? add(y, sum) : sum;
    }
    return {y};
  }
  std::vector<NamedTensor> buffers() override {
    std::vector<NamedTensor> out;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      if (!states_[i].running_mean.defined()) continue;
      const std::string name = state_name(columns_[i]);
      out.push_back({name + tensor_names::kRunningMean, states_[i].running_mean});
      out.push_back({name + tensor_names::kRunningVar, states_[i].running_var});
    }
    return out;
  }
  Shape output_shape() const override { return shape_; }
  std::int64_t least_batch() const override {
    const bool norms = std::ranges::any_of(states_, [](const auto& s) { return s.running_mean.defined(); });
    return norms && shape_.numel() == shape_[0] ? 2 : 1;
  }

 private:
  struct Summands {
    std::vector<Tensor> values, weights;
    Tensor joined() const { return reshape(concat(weights, 1), Shape{static_cast<std::int64_t>(weights.size())}); }
  };
  static std::string state_name(std::int64_t column) { return "norm" + std::to_string(column) + "."; }

  std::int64_t row_;
  std::vector<std::int64_t> columns_;
  std::vector<BatchNormState> states_;  // one an input; undefined tensors: no batch norm
  Shape shape_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_given(const LayerPlace& place) { return std::make_unique<GivenLayer>(place); }
std::unique_ptr<Layer> make_layer_mix(const LayerPlace& place) { return std::make_unique<MixLayer>(place); }

}  // namespace tern
