// or, tgap, mux: the operations of tern/logic.hpp as layers, on {0,1} activations or, with real=1, in the
// full-precision twin of such a network. One definition serves training and evaluation: codes are the values, since
// their step is 1.
//
//   or(a, b)       real=0, grad=sum|logic
//   tgap(x)        real=0, stop_grad=0
//   mux(y, x, T)   real=0, grad=sum|logic
//
// Paper: Nguyen, Guicquero, Sicard, 2022, section IV-A. Differs: m of the twin is taken per sample, not per batch.
#include "tern/logic.hpp"

#include "nn/layer_util.hpp"

namespace tern {
namespace {

/// What the three have in common.
class Gate {
 public:
  explicit Gate(const GraphNode& node) : where_(at_node(node)) {
    options_.real = node.flag("real", false);
    options_.stop_grad = node.flag("stop_grad", false);
    const std::string grad = node.text("grad", "sum");
    if (grad != "sum" && grad != "logic") {
      throw ValueError(where_ + "expected grad=sum or grad=logic; got \"" + grad + "\"");
    }
    options_.by_logic = grad == "logic";
  }

  const LogicOptions& options() const { return options_; }

  /// The real values of the inputs. Errors: ValueError if evaluation finds anything but codes 0 and 1 of step 1.
  std::vector<Tensor> bits(const std::vector<Value>& in, const ForwardContext& context) const {
    std::vector<Tensor> out;
    for (const Value& v : in) {
      if (!options_.real && !context.training && (v.step != 1.0f || v.lo != 0 || v.hi != 1)) {
        throw ValueError(where_ +
                         "expected codes 0 and 1 of step 1 as inputs; quantize with acts=heaviside, or set real=1");
      }
      out.push_back(v.t);
    }
    return out;
  }

  Value result(const Tensor& t, const ForwardContext& context) const {
    return options_.real || context.training ? Value{t} : Value{t, 1.0f, 0, 1};
  }

 private:
  std::string where_;
  LogicOptions options_;
};

void expect_equal(const LayerPlace& place, std::size_t i, const Shape& want) {
  if (place.inputs[i] == want) return;
  throw ShapeError(at_node(place.node) + "expected input " + std::to_string(i + 1) + " to be " + want.str() + "; got " +
                   place.inputs[i].str());
}

class OrLayer final : public Layer {
 public:
  explicit OrLayer(const LayerPlace& place) : gate_(place.node) {
    allow_keys(place.node, {"real", "grad"});
    expect_inputs(place, 2);
    shape_ = expect_rank(place, 0, 3);
    expect_equal(place, 1, shape_);
  }
  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    const std::vector<Tensor> x = gate_.bits(in, context);
    return gate_.result(logic_or(x[0], x[1], gate_.options()), context);
  }
  Shape output_shape() const override { return shape_; }

 private:
  Gate gate_;
  Shape shape_;
};

class TgapLayer final : public Layer {
 public:
  explicit TgapLayer(const LayerPlace& place) : gate_(place.node) {
    allow_keys(place.node, {"real", "stop_grad"});
    expect_inputs(place, 1);
    shape_ = expect_rank(place, 0, 3).with(1, 1).with(2, 1);
  }
  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    return gate_.result(tgap(gate_.bits(in, context)[0], gate_.options()), context);
  }
  Shape output_shape() const override { return shape_; }

 private:
  Gate gate_;
  Shape shape_;
};

class MuxLayer final : public Layer {
 public:
  explicit MuxLayer(const LayerPlace& place) : gate_(place.node) {
    allow_keys(place.node, {"real", "grad"});
    expect_inputs(place, 3);
    shape_ = expect_rank(place, 0, 3);
    expect_equal(place, 1, shape_);
    expect_equal(place, 2, shape_.with(1, 1).with(2, 1));
  }
  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    const std::vector<Tensor> x = gate_.bits(in, context);
    return gate_.result(mux(x[2], x[0], x[1], gate_.options()), context);
  }
  Shape output_shape() const override { return shape_; }

 private:
  Gate gate_;
  Shape shape_;
};

}  // namespace

std::unique_ptr<Layer> make_layer_or(const LayerPlace& place) { return std::make_unique<OrLayer>(place); }
std::unique_ptr<Layer> make_layer_tgap(const LayerPlace& place) { return std::make_unique<TgapLayer>(place); }
std::unique_ptr<Layer> make_layer_mux(const LayerPlace& place) { return std::make_unique<MuxLayer>(place); }

}  // namespace tern
