// The worked examples of the activation quantizers.
#include <map>

#include "golden.hpp"
#include "tern/error.hpp"

using tern::DType;
using tern::Shape;
using tern::Tensor;

namespace {

struct ActExample {
  std::string spec;
  std::map<std::string, double> set;
  Values v, g, q, dv;
  std::map<std::string, double> gradients;  // as defined for one sample that holds all the elements
};

void check_act_example(const ActExample& e) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    INFO(e.spec << ", " << tern::name_of(dtype));
    const double tolerance = dtype == DType::kF64 ? 2e-6 : 1e-5;
    const Shape shape{1, static_cast<std::int64_t>(e.v.size())};
    const auto quantizer = tern::make_act_quantizer(tern::QuantSpec::parse(e.spec));
    for (const auto& [name, value] : e.set) learnable_of(quantizer->learnables(), name).fill(value);
    for (const auto& t : quantizer->learnables()) t.value.zero_grad();
    const Tensor v = leaf(e.v, shape, dtype);
    const Tensor q = quantizer->forward(v, true);
    check_values(q, e.q, tolerance);
    tern::backward(q, Tensor::from(e.g, shape).to(dtype));
    check_values(v.grad(), e.dv, tolerance);
    for (const auto& [name, value] : e.gradients) {
      INFO(name);
      CHECK(learnable_of(quantizer->learnables(), name).grad().to_vector()[0] == Approx(value).margin(tolerance));
    }
  }
}

}  // namespace

TEST_CASE("dorefa activations: ties to even, clipping, pass mask", "[quant]") {
  const Values v{-0.3, 0.1, 0.2, 0.5, 0.8, 1.4}, ones(6, 1.0), mask{0, 1, 1, 1, 1, 0};
  check_act_example({"dorefa:bits=2", {}, v, ones, {0, 0, 1.0 / 3, 2.0 / 3, 2.0 / 3, 1}, mask, {}});
  check_act_example({"dorefa:bits=3", {}, v, ones, {0, 0.142857, 0.142857, 0.571429, 0.857143, 1}, mask, {}});
  check_act_example({"dorefa:bits=1", {}, v, ones, {0, 0, 0, 0, 1, 1}, mask, {}});
}

TEST_CASE("heaviside and sign", "[quant]") {
  const Values v{-1.2, -0.3, 0, 0.4, 1.5}, ones(5, 1.0);
  check_act_example({"heaviside", {}, v, ones, {0, 0, 0, 1, 1}, {0, 1, 1, 1, 0}, {}});
  check_act_example({"sign", {}, v, ones, {-1, -1, 1, 1, 1}, {0, 1, 1, 1, 0}, {}});
  check_act_example({"heaviside", {}, {-1, 1}, {1, 1}, {0, 1}, {1, 1}, {}});
  check_act_example({"sign", {}, {-1, 1}, {1, 1}, {-1, 1}, {0, 0}, {}});
}

TEST_CASE("fatnn unsigned activations", "[quant]") {
  check_act_example({"fatnn:mode=unsigned",
                     {{"a1", 0.6}, {"a2", 1.0}},
                     {0, 0.2, 0.31, 0.9, 1.2, 2.0},
                     {0.1, 0.2, 0.3, -0.4, -0.6, 0.7},
                     {0, 0, 1, 1, 2, 2},
                     {0, 0.333333, 0.5, -0.4, -0.6, 0},
                     {}});
  // With the element of the tie (1.1 gives u2 = 0.5 up to rounding) only the gradients are comparable.
  const auto q = tern::make_act_quantizer(tern::QuantSpec::parse("fatnn:mode=unsigned"));
  learnable_of(q->learnables(), "a1").fill(0.6);
  learnable_of(q->learnables(), "a2").fill(1.0);
  const Tensor v = leaf({0, 0.2, 0.31, 0.9, 1.1, 1.2, 2.0}, Shape{1, 7}, DType::kF64);
  tern::backward(q->forward(v, true), Tensor::from(Values{0.1, 0.2, 0.3, -0.4, 0.5, -0.6, 0.7}, Shape{1, 7}));
  CHECK(learnable_of(q->learnables(), "a1").grad().item() == Approx(0.130556).margin(1e-5));
  CHECK(learnable_of(q->learnables(), "a2").grad().item() == Approx(0.23).margin(1e-5));
}

TEST_CASE("lsq unsigned 2-bit activations", "[quant]") {
  check_act_example({"lsq:bits=2",
                     {{"step", 0.4}},
                     {0, 0.1, 0.3, 0.55, 0.9, 1.6},
                     {0.1, 0.2, -0.3, 0.4, -0.5, 0.6},
                     {0, 0, 0.4, 0.4, 0.8, 1.2},
                     {0, 0.2, -0.3, 0.4, -0.5, 0},
                     {{"step", 0.388909}}});
}

TEST_CASE("ternary activations: learned, mean-based and fixed threshold", "[quant]") {
  const Values v{1.3, -0.2, 0.6, -0.9, 0.35, -0.5}, g{0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, dv{0, 0.2, 0.3, 0.4, 0.5, 0.6};
  check_act_example({"tas", {}, v, g, {1, 0, 1, -1, 0, -1}, dv, {{"delta", 0.285714 / std::sqrt(6.0)}}});
  check_act_example({"tbn", {}, v, g, {1, 0, 1, -1, 1, -1}, dv, {}});
  check_act_example({"totnet", {}, v, g, {1, 0, 1, -1, 0, -1}, dv, {}});
  check_act_example(
      {"ternary", {}, v, g, {1, 0, 1, -1, 0, 0}, dv, {}});  // -0.5 is on the threshold, and thresholds are strict
  check_act_example({"tas:mode=relu01", {}, {1.3, -0.2, 0.6, 0.1}, {1, 1, 1, 1}, {1, 0, 1, 0}, {0, 0, 1, 1}, {}});
}

TEST_CASE("mean-based thresholds: the average of training batches holds in evaluation", "[quant]") {
  const auto q = tern::make_act_quantizer(tern::QuantSpec::parse("ternary:threshold=mean,factor=1"));
  const auto batch = [](double x) { return Tensor::full(Shape{2, 2}, x); };
  q->init(batch(1.0));
  q->forward(batch(2.0), true);  // 0.9 * 1 + 0.1 * 2
  CHECK(q->states()[0].value.item() == Approx(1.1));
  CHECK(q->code(1.09f) == 0);
  CHECK(q->code(1.11f) == 1);
  q->forward(batch(100.0), false);
  CHECK(q->states()[0].value.item() == Approx(1.1));
}

TEST_CASE("activation quantizers: errors name what is known", "[quant]") {
  const auto make = [](const char* spec) { return tern::make_act_quantizer(tern::QuantSpec::parse(spec)); };
  CHECK_THROWS_WITH(make("terany"), ContainsSubstring("known: ternary"));
  CHECK_THROWS_WITH(make("fatnn:mode=both"), ContainsSubstring("mode=signed|unsigned"));
  CHECK_THROWS_WITH(make("lsq:bits=0"), ContainsSubstring("expected bits"));
  CHECK_THROWS_WITH(make("ternary:t=-1"), ContainsSubstring("t in (0, 1e30]"));
  CHECK_THROWS_WITH(make("heaviside:t=1"), ContainsSubstring("known: none"));
}

TEST_CASE("dorefa gradients: worked example, noise stays within one level", "[quant]") {
  const Tensor x = leaf({0, 0, 0, 0}, Shape{1, 4}, DType::kF64);
  const Tensor d = Tensor::from(Values{0.02, -0.05, 0.1, -0.08}, Shape{1, 4});
  tern::backward(tern::quantize_gradient(x, 2, nullptr), d);
  check_values(x.grad(), {0.033333, -0.033333, 0.1, -0.1}, 1e-6);
  x.zero_grad();
  tern::Rng rng(1);
  tern::backward(tern::quantize_gradient(x, 4, &rng), d);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(std::abs(x.grad().to_vector()[i] - d.to_vector()[i]) <= 2 * 0.1 / 15 + 1e-12);
  x.zero_grad();
  tern::backward(tern::quantize_gradient(x, 2, nullptr), Tensor::zeros(Shape{1, 4}, DType::kF64));
  check_values(x.grad(), {0, 0, 0, 0}, 0);
  CHECK_THROWS_AS(tern::quantize_gradient(x, 0, nullptr), tern::ValueError);
}
