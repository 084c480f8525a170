// The logic layers on a worked example, on codes, and in their real form.
#include "catch.hpp"
#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/nn.hpp"

using tern::ForwardContext;
using tern::Graph;
using tern::Network;
using tern::Shape;
using tern::Tensor;
using tern::Value;

namespace {

using Doubles = std::vector<double>;

Tensor image(const std::vector<float>& v, const Shape& shape = Shape{1, 2, 2, 2}) {
  return Tensor::from(v, shape).set_requires_grad(true);
}

/// One logic layer with inputs of 2 channels, 2x2; a tgap in front of mux is a node of its own.
Network layer(const std::string& line) {
  const char* before = "tern-graph 1\nx = input() shape=2x2x2\ny = act(x) kind=none\nt = tgap(x)\nz = ";
  return Network(Graph::parse(before + line + "\n"), 1);
}
Value run(Network& net, const std::vector<Value>& in, const ForwardContext& context) {
  return net.layer(3).forward(in, context);
}
void check_close(const Doubles& got, const Doubles& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(got[i] == Approx(want[i]).margin(1e-6));
}

const std::vector<float> kX{1, 1, 1, 0, 1, 0, 0, 1}, kY{0, 1, 0, 0, 0, 0, 1, 0};
const std::vector<float> kG{0.1f, 0.2f, 0.3f, 0.4f, 0.5f, -0.6f, 0.7f, 0.8f};

ForwardContext training() {
  ForwardContext c;
  c.training = true;
  return c;
}

}  // namespace

TEST_CASE("logic: the worked example of MUX, forward and backward", "[nn]") {
  Network gate = layer("tgap(y)"), mux = layer("mux(y, x, t)");
  const Tensor x = image(kX), y = image(kY);
  const Tensor t = run(gate, {{x}}, training()).t;
  CHECK(t.to_vector() == Doubles{1, 0});  // p = 0.75 and 0.5: the threshold is strict
  tern::retain_grad(t);
  const Tensor o = run(mux, {{y}, {x}, {t}}, training()).t;
  CHECK(o.to_vector() == Doubles{0, 1, 0, 0, 1, 0, 1, 1});
  tern::backward(o, Tensor::from(kG, o.shape()));
  check_close(y.grad().to_vector(), Doubles(kG.begin(), kG.end()));
  check_close(t.grad().to_vector(), {-0.4, -1.3});
  check_close(x.grad().to_vector(), {-0.1, -0.1, -0.1, -0.1, 0.5 - 0.325, -0.6 - 0.325, 0.7 - 0.325, 0.8 - 0.325});
}

TEST_CASE("logic: a gate without gradient leaves only the path of the data", "[nn]") {
  Network gate = layer("tgap(y) stop_grad=1"), mux = layer("mux(y, x, t)");
  const Tensor x = image(kX), y = image(kY);
  const Tensor o = run(mux, {{y}, {x}, run(gate, {{x}}, training())}, training()).t;
  tern::backward(o, Tensor::from(kG, o.shape()));
  check_close(x.grad().to_vector(), {0, 0, 0, 0, 0.5, -0.6, 0.7, 0.8});
}

TEST_CASE("logic: OR and both of its gradients", "[nn]") {
  // All four pairs of inputs.
  const std::vector<float> a{0, 0, 1, 1, 0, 0, 1, 1}, b{0, 1, 0, 1, 0, 1, 0, 1};
  const auto gradients = [&](const std::string& line) {
    Network net = layer(line);
    const Tensor ta = image(a), tb = image(b);
    const Tensor o = run(net, {{ta}, {tb}}, training()).t;
    CHECK(o.to_vector() == Doubles{0, 1, 1, 1, 0, 1, 1, 1});
    tern::backward(o, Tensor::from(kG, o.shape()));
    return std::pair(ta.grad().to_vector(), tb.grad().to_vector());
  };
  const auto [da, db] = gradients("or(x, y)");
  check_close(da, {0.1, 0.2, 0.3, 0, 0.5, -0.6, 0.7, 0});
  check_close(db, da);
  const auto [la, lb] = gradients("or(x, y) grad=logic");
  check_close(la, {0.1, 0, 0.3, 0, 0.5, 0, 0.7, 0});
  check_close(lb, {0.1, 0.2, 0, 0, 0.5, -0.6, 0, 0});
}

TEST_CASE("logic: evaluation takes and gives codes, and nothing else", "[nn]") {
  Network either = layer("or(x, y)"), gate = layer("tgap(y)"), mux = layer("mux(y, x, t)");
  const auto bits = [](const std::vector<float>& v) { return Value{Tensor::from(v, Shape{1, 2, 2, 2}), 1.0f, 0, 1}; };
  const Value t = run(gate, {bits(kX)}, {});
  const Value o = run(mux, {bits(kY), bits(kX), t}, {});
  for (const Value& v : {t, o, run(either, {bits(kX), bits(kY)}, {})}) {
    CHECK(v.is_codes());
    CHECK(v.lo == 0);
    CHECK(v.hi == 1);
    CHECK(v.step == 1.0f);
  }
  CHECK(t.t.to_vector() == Doubles{1, 0});
  CHECK(o.t.to_vector() == Doubles{0, 1, 0, 0, 1, 0, 1, 1});
  CHECK_THROWS_WITH(run(either, {{bits(kX).t}, bits(kY)}, {}), ContainsSubstring("codes 0 and 1"));
  Value ternary = bits(kX);
  ternary.lo = -1;
  CHECK_THROWS_WITH(run(either, {ternary, bits(kY)}, {}), ContainsSubstring("node \"z\": expected codes 0 and 1"));
}

TEST_CASE("logic: the full-precision twin", "[nn]") {
  Network either = layer("or(x, y) real=1"), gate = layer("tgap(y) real=1"), mux = layer("mux(y, x, t) real=1");
  // Two samples of two channels: the largest channel mean is 3 in the first and 0.5 in the second.
  const Shape shape{2, 2, 2, 2};
  const Tensor x = image({2, 4, 2, 4, 1, 2, 1, 2, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0, 0.6f, 0}, shape);
  const Tensor y = image({1, 0, 2, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 3, 0, 0}, shape);
  for (const bool train : {true, false}) {
    ForwardContext c;
    c.training = train;
    const Value t = run(gate, {{x}}, c);
    CHECK_FALSE(t.is_codes());
    CHECK(t.t.to_vector() == Doubles{1, 0, 1, 1});  // means 3, 1.5 (not above 3 / 2), 0.5, 0.275 (above 0.5 / 2)
    check_close(run(either, {{x}, {y}}, c).t.to_vector(), {3, 4, 4, 4, 1, 3, 1, 3, 0.5, 0.5, 1.5, 0.5, 0.5, 3, 0.6, 0});
    check_close(run(mux, {{y}, {x}, t}, c).t.to_vector(), {1, 0, 2, 0, 1, 3, 1, 3, 0, 0, 1, 0, 0, 3, 0, 0});
  }
  // The gate passes its gradient through the mean where |p - m / 2| <= 1: not in the first channel, 3 - 1.5.
  const Tensor t = run(gate, {{x}}, training()).t;
  tern::backward(t, Tensor::full(t.shape(), 4.0));
  check_close(x.grad().to_vector(), {0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
}

TEST_CASE("logic: bad graphs are refused", "[nn]") {
  CHECK_THROWS_WITH(layer("or(x, t)"), ContainsSubstring("expected input 2 to be 2x2x2; got 2x1x1"));
  CHECK_THROWS_WITH(layer("mux(x, y, y)"), ContainsSubstring("expected input 3 to be 2x1x1; got 2x2x2"));
  CHECK_THROWS_WITH(layer("or(x, y) grad=sigmoid"), ContainsSubstring("expected grad=sum or grad=logic"));
  CHECK_THROWS_WITH(layer("tgap(x, y)"), ContainsSubstring("expected 1 input"));
}
