// Quantizers from outside, in a network.
#include "begin_step.hpp"
#include "catch.hpp"
#include "quant/quant_util.hpp"
#include "quant/registry.hpp"
#include "registration.hpp"
#include "tern/autograd.hpp"
#include "tern/nn.hpp"
#include "tern/ops.hpp"

using tern::Shape;
using tern::Tensor;

namespace {

// +-0.5 by the sign, gradient straight through.
class Halves final : public tern::WeightQuantizer {
 public:
  Tensor forward(const Tensor& w) override {
    return tern::quant::straight_through<float>(
        "halves", w, [](float x) { return x > 0 ? 0.5f : -0.5f; }, [](float) { return true; });
  }
  tern::WeightCodes deploy(const Tensor& w) const override {
    tern::WeightCodes c;
    c.shape = w.shape();
    for (const float x : w.span<float>()) c.codes.push_back(x > 0 ? 1 : -1);
    c.scale_pos = c.scale_neg = std::vector<float>(static_cast<std::size_t>(w.size(0)), 0.5f);
    return c;
  }
};

// 3 from 0.25 on, else 0.
class Gate final : public tern::ActQuantizer {
 public:
  Tensor forward(const Tensor& v, bool) override {
    return tern::quant::straight_through<float>(
        "gate", v, [](float x) { return x >= 0.25f ? 3.0f : 0.0f; }, [](float) { return true; });
  }
  int lo() const override { return 0; }
  int hi() const override { return 1; }
  float step() const override { return 3.0f; }
  int code(float v) const override { return v >= 0.25f; }
};

// Training and evaluation of one dense layer without a bias on two pixels.
void check_layer(const std::string& acts, const std::string& weights, double expected) {
  tern::Network net(tern::Graph::parse("tern-graph 1\nimage = input() shape=2x1x1\nq = quantize(image) acts=" + acts +
                                       "\nf = flatten(q)\nfc = linear(f) out=1 bias=0 weights=" + weights + "\n"),
                    1);
  const Tensor w = net.layer(3).weight();
  w.span<float>()[0] = 0.1f;
  w.span<float>()[1] = -0.7f;
  const Tensor x = Tensor::from(std::vector<float>{0.75f, 0.125f}, Shape{1, 2, 1, 1});
  for (const bool training : {true, false}) {
    if (training)
      tern::testing::begin_step(net);
    else
      net.set_training(false);
    const Tensor y = net.forward(x);
    CHECK(y.item() == Approx(expected));
    if (training) {
      tern::backward(tern::sum(y));
      CHECK(w.grad().defined());
    }
  }
}

}  // namespace

TEST_CASE("register_weight_quantizer: one from outside", "[quant][register]") {
  tern::testing::check_registration(
      tern::weight_quantizer_registry(),
      [](const std::string& key, bool whole) {
        tern::register_weight_quantizer(
            key, "plus and minus a half",
            !whole ? tern::WeightQuantizerFactory()
                   : [](const tern::QuantSpec&, const Shape&) { return std::make_unique<Halves>(); });
      },
      tern::weight_quantizers, [](const tern::MethodInfo& row) { return row.key; },
      // acts: {1, 0}
      [](const std::string& key) { check_layer("ternary", key, 0.5); });
}

TEST_CASE("register_act_quantizer: one from outside, whose thresholds are found", "[quant][register]") {
  tern::testing::check_registration(
      tern::act_quantizer_registry(),
      [](const std::string& key, bool whole) {
        tern::register_act_quantizer(
            key, "0 or 3",
            !whole ? tern::ActQuantizerFactory() : [](const tern::QuantSpec&) { return std::make_unique<Gate>(); });
      },
      tern::act_quantizers, [](const tern::MethodInfo& row) { return row.key; },
      [](const std::string& key) {
        const auto quantizer = tern::make_act_quantizer(tern::QuantSpec::parse(key));
        CHECK(quantizer->thresholds() == std::vector<float>{0.25f});
        check_layer(key, "bwn", 3 * 0.4);  // E|w| = 0.4
      });
}
