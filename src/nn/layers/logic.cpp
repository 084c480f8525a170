// or, tgap, mux: logic on {0,1} activations, and real forms of them for the full-precision twin of such a network
// (real=1). One definition serves training and evaluation: codes are the values, since their step is 1.
//
//   or(a, b)       H(a + b)
//                  da = db = dy 1{|a + b| <= 1}; grad=logic: da = dy (1 - b), db = dy (1 - a)
//                  real: max(a + b, 0)
//   tgap(x)        T[c] = 1{p > m / 2}, p the mean of channel c, m = 1
//                  dp = dT 1{|p - m / 2| <= 1}, dx = dp / (H W); stop_grad=1: 0
//                  real: m is the largest channel mean of the sample, constant for differentiation
//   mux(y, x, T)   T y + (1 - T) or(y, x)
//
// The gradients need no rules of their own: heaviside_ste has the window, and a + b - a b is the differentiable form of
// OR whose derivative is that of grad=logic.
// Paper: HEQ, section on logic-gated residual networks. Differs: m of the twin is taken per sample, not per batch.
#include "nn/layer_util.hpp"

namespace tern {
namespace {

class Gate {
 public:
  explicit Gate(const GraphNode& node) : where_(at_node(node)), real_(node.flag("real", false)) {
    const std::string grad = node.text("grad", "sum");
    if (grad != "sum" && grad != "logic") {
      throw ValueError(where_ + "expected grad=sum or grad=logic; got \"" + grad + "\"");
    }
    by_logic_ = grad == "logic";
  }

  bool real() const { return real_; }

  /// The real values of the inputs. Errors: ValueError if evaluation finds anything but codes 0 and 1 of step 1.
  std::vector<Tensor> bits(const std::vector<Value>& in, const ForwardContext& context) const {
    std::vector<Tensor> out;
    for (const Value& v : in) {
      if (!real_ && !context.training && (v.step != 1.0f || v.lo != 0 || v.hi != 1)) {
        throw ValueError(where_ +
                         "expected codes 0 and 1 of step 1 as inputs; quantize with acts=heaviside, or set real=1");
      }
      out.push_back(v.t);
    }
    return out;
  }

  Value result(const Tensor& t, const ForwardContext& context) const {
    return real_ || context.training ? Value{t} : Value{t, 1.0f, 0, 1};
  }

  Tensor either(const Tensor& a, const Tensor& b) const {
    if (real_) return relu(add(a, b));
    return by_logic_ ? sub(add(a, b), mul(a, b)) : heaviside_ste(add(a, b));
  }

 private:
  std::string where_;
  bool real_, by_logic_ = false;
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
    return gate_.result(gate_.either(x[0], x[1]), context);
  }
  Shape output_shape() const override { return shape_; }

 private:
  Gate gate_;
  Shape shape_;
};

class TgapLayer final : public Layer {
 public:
  explicit TgapLayer(const LayerPlace& place) : gate_(place.node), stop_grad_(place.node.flag("stop_grad", false)) {
    allow_keys(place.node, {"real", "stop_grad"});
    expect_inputs(place, 1);
    shape_ = expect_rank(place, 0, 3).with(1, 1).with(2, 1);
  }
  // On codes p > 1/2 is 2 count > H W without error: p is the exact quotient, rounded, and 1/2 is a float.
  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    const Tensor x = gate_.bits(in, context)[0];
    const Tensor p = mean(stop_grad_ ? x.detach() : x, {2, 3}, true);
    const Tensor excess = gate_.real() ? sub(p, scale(max(p.detach(), 1, true), 0.5)) : add_scalar(p, -0.5);
    return gate_.result(heaviside_ste(excess), context);
  }
  Shape output_shape() const override { return shape_; }

 private:
  Gate gate_;
  bool stop_grad_;
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
  // The select is written as T y + (1 - T) or, whose derivatives are those wanted: dy = g T, dor = g (1 - T),
  // dT = sum over pixels of g (y - or).
  Value forward(const std::vector<Value>& in, const ForwardContext& context) override {
    const std::vector<Tensor> x = gate_.bits(in, context);
    const Tensor &y = x[0], &t = x[2];
    const Tensor either = gate_.either(y, x[1]);
    return gate_.result(add(mul(t, y), mul(add_scalar(neg(t), 1.0), either)), context);
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
