// The worked examples of the weight quantizers: one filter of eight weights, and its gradient.
#include <map>

#include "golden.hpp"
#include "tern/error.hpp"

using tern::DType;
using tern::Shape;
using tern::Tensor;

namespace {

struct WeightExample {
  std::string spec;
  std::map<std::string, double> set;  // learnables and states, after init
  Values q;
  Values dw;                                // empty: not checked
  std::map<std::string, double> gradients;  // of learnables
};

void set_tensors(tern::WeightQuantizer& q, const std::map<std::string, double>& values) {
  for (const auto& [name, value] : values) {
    bool found = false;
    for (auto list : {q.learnables(), q.states()}) {
      for (const auto& t : list) {
        if (t.name != name) continue;
        t.value.fill(value);
        found = true;
      }
    }
    REQUIRE(found);
  }
}

void check_weight_example(const WeightExample& e) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    INFO(e.spec << ", " << tern::name_of(dtype));
    const double tolerance = dtype == DType::kF64 ? 2e-6 : 1e-5;
    const Shape shape{1, 8};
    const auto quantizer = tern::make_weight_quantizer(tern::QuantSpec::parse(e.spec), shape);
    const Tensor w32 = Tensor::from(kW, shape).to(DType::kF32);
    quantizer->init(w32);
    quantizer->on_epoch_begin(w32, {});
    set_tensors(*quantizer, e.set);
    const Tensor w = leaf(kW, shape, dtype);
    for (const auto& t : quantizer->learnables()) t.value.zero_grad();
    const Tensor q = quantizer->forward(w);
    check_values(q, e.q, tolerance);
    tern::backward(q, Tensor::from(kG, shape).to(dtype));
    if (!e.dw.empty()) check_values(w.grad(), e.dw, tolerance);
    for (const auto& [name, value] : e.gradients) {
      INFO(name);
      CHECK(learnable_of(quantizer->learnables(), name).grad().to_vector()[0] == Approx(value).margin(tolerance));
    }
  }
}

double squared_error(const tern::WeightCodes& c) {
  double sum = 0;
  for (std::size_t i = 0; i < c.codes.size(); ++i) {
    const double d = kW[i] - static_cast<double>(c.codes[i]) * static_cast<double>(c.scale_pos[0]);
    sum += d * d;
  }
  return sum;
}

}  // namespace

TEST_CASE("bwn: worked example", "[quant]") {
  check_weight_example({"bwn",
                        {},
                        {0.425, -0.425, 0.425, -0.425, 0.425, -0.425, 0.425, -0.425},
                        {-0.2575, 0.215, -0.1725, 0.47, -0.5125, 0.555, -0.5975, 0.64},
                        {}});
}

TEST_CASE("twn: worked example and the exact threshold", "[quant]") {
  check_weight_example({"twn", {}, {0.61, -0.61, 0.61, 0, 0, -0.61, 0.61, 0}, kG, {}});
  check_weight_example({"twn:threshold=exact", {}, {0.6875, -0.6875, 0, 0, 0, -0.6875, 0.6875, 0}, kG, {}});
  const Tensor w = Tensor::from(kW, Shape{1, 8}).to(DType::kF32);
  CHECK(squared_error(tern::make_weight_quantizer(tern::QuantSpec::parse("twn"), w.shape())->deploy(w)) ==
        Approx(0.2945).margin(1e-6));
  CHECK(
      squared_error(tern::make_weight_quantizer(tern::QuantSpec::parse("twn:threshold=exact"), w.shape())->deploy(w)) ==
      Approx(0.264375).margin(1e-6));
}

TEST_CASE("ttq: worked example", "[quant]") {
  check_weight_example({"ttq:t=0.25",
                        {{"wp", 0.7}, {"wn", 0.5}},
                        {0.7, -0.5, 0.7, 0, 0, -0.5, 0.7, 0},
                        {0.07, -0.1, 0.21, 0.4, -0.5, 0.3, -0.49, 0.8},
                        {{"wp", -0.3}, {"wn", -0.4}}});
}

TEST_CASE("tas: worked examples, three modes of the threshold's gradient", "[quant]") {
  const std::map<std::string, double> set{{"ap", 0.6}, {"an", 0.5}, {"delta", 0.7}};
  const Values q{0.6, -0.5, 0.6, 0, 0, -0.5, 0.6, 0}, dw{0.06, -0.1, 0.18, 0.4, -0.5, 0.3, -0.42, 0.8};
  check_weight_example({"tas", set, q, dw, {{"ap", -0.3}, {"an", -0.4}, {"delta", -0.181827}}});
  check_weight_example({"tas:delta_grad_scale=0", set, q, dw, {{"delta", -0.514286}}});
  check_weight_example({"tas:delta_grad=consistent", set, q, dw, {{"delta", 0.1615}}});
  check_weight_example({"tas:delta_grad=paper", set, q, dw, {{"delta", 0.0425}}});
  check_weight_example({"tas:h=0.5",
                        {{"ap", 0.6}, {"an", 0.5}, {"delta", 1.0}},
                        {0.6, -0.5, 0, 0, 0, -0.5, 0.6, 0},
                        {0.06, -0.1, 0.3, 0.4, -0.5, 0.3, -0.42, 0.8},
                        {{"ap", -0.6}, {"an", -0.4}, {"delta", 0.190919}}});
}

TEST_CASE("heq: worked examples for 3, 5, 7 levels", "[quant]") {
  check_weight_example({"heq", {}, {1, -1, 1, -1, 0, -1, 1, 0}, kG, {}});
  check_weight_example({"heq:n=5", {}, {1, -1, 0.5, -0.5, 0, -1, 1, 0}, kG, {}});
  check_weight_example({"heq:n=7", {}, {1, -1, 2.0 / 3, -1.0 / 3, 0, -1, 2.0 / 3, -1.0 / 3}, kG, {}});
  const Tensor w = Tensor::from(kW, Shape{1, 8}).to(DType::kF32);
  const std::pair<const char*, double> steps[] = {{"heq:n=3", 0.383333}, {"heq:n=5", 0.2625}, {"heq:n=7", 0.188889}};
  for (const auto& [spec, step] : steps) {
    const auto q = tern::make_weight_quantizer(tern::QuantSpec::parse(spec), w.shape());
    q->on_epoch_begin(w, {});
    CHECK(q->states()[0].value.item() == Approx(step).margin(1e-5));
  }
}

TEST_CASE("fatnn: worked examples with and without normalisation", "[quant]") {
  check_weight_example({"fatnn:norm=0",
                        {{"a1", 0.5}, {"a2", 0.8}},
                        {1, -1, 0, 0, 0, -1, 1, 0},
                        {0, 0, 0.375, 0.8, -0.625, 0, -0.875, 1.6},
                        {{"a1", 0.64}, {"a2", 0.390625}}});
  check_weight_example({"fatnn:norm=0",
                        {{"a1", -0.5}, {"a2", -0.8}},
                        {1, -1, 0, 0, 0, -1, 1, 0},
                        {0, 0, 0.375, 0.8, -0.625, 0, -0.875, 1.6},
                        {{"a1", -0.64}, {"a2", -0.390625}}});
  check_weight_example({"fatnn",
                        {{"a1", 1}, {"a2", 1}},
                        {1, -1, 1, 0, 0, -1, 1, 0},
                        {0, 0, 0.540688, 0.720917, -0.901146, 0, -1.261605, 1.441834},
                        {}});
}

TEST_CASE("lsq: worked example, initial step", "[quant]") {
  check_weight_example({"lsq",
                        {{"step", 0.4}},
                        {0.4, -0.4, 0.4, 0, 0, -0.4, 0.4, 0},
                        {0, 0, 0.3, 0.4, -0.5, 0, 0, 0.8},
                        {{"step", -0.163518}}});
  const Tensor w = Tensor::from(kW, Shape{1, 8}).to(DType::kF32);
  const auto q = tern::make_weight_quantizer(tern::QuantSpec::parse("lsq"), w.shape());
  q->init(w);
  CHECK(q->learnables()[0].value.item() == Approx(0.85));
}

TEST_CASE("dorefa: worked examples for 1, 2, 3 bits", "[quant]") {
  const Values dw{0.067977, -0.156096, 0.383278, 0.536672, -0.696291, 0.596046, -0.803298, 1.105759};
  const double t = 1.0 / 3;
  check_weight_example({"dorefa:bits=2", {}, {1, -1, t, -t, t, -1, t, -t}, dw, {}});
  check_weight_example(
      {"dorefa:bits=3", {}, {1, -1, 0.428571, -0.142857, 0.142857, -0.714286, 0.714286, -0.142857}, dw, {}});
  check_weight_example({"dorefa:bits=1", {}, {0.425, -0.425, 0.425, -0.425, 0.425, -0.425, 0.425, -0.425}, kG, {}});
}

TEST_CASE("trq: worked example", "[quant]") {
  check_weight_example({"trq", {{"a", 0.4}}, {0.8, -0.8, 0, 0, 0, -0.8, 0.8, 0}, {}, {{"a", -2.0}}});
}

TEST_CASE("sttn: worked example", "[quant]") {
  const Values w2{0.5, 0.4, -0.3, -0.2, 0.1, -0.2, -0.1, 0.3};
  const Shape shape{1, 8};
  const auto quantizer = tern::make_weight_quantizer(tern::QuantSpec::parse("sttn"), shape);
  learnable_of(quantizer->learnables(), "w2").copy_from(Tensor::from(w2, shape).to(DType::kF32));
  const Tensor w = leaf(kW, shape, DType::kF32);
  const Tensor q = quantizer->forward(w);
  const double a2 = 2 * 0.34375;
  check_values(q, {a2, 0, 0, -a2, a2, -a2, 0, 0}, 1e-6);
  tern::backward(q, Tensor::from(kG, shape).to(DType::kF32));
  CHECK(w.grad().to_vector()[0] == Approx(-0.140625));
  CHECK(w.grad().to_vector()[1] == Approx(0.10625));
}

TEST_CASE("weight quantizers: errors name what is known", "[quant]") {
  const auto make = [](const char* spec) {
    return tern::make_weight_quantizer(tern::QuantSpec::parse(spec), Shape{1, 8});
  };
  CHECK_THROWS_WITH(make("twm"),
                    ContainsSubstring("unknown weight quantizer \"twm\"; did you mean \"twn\"? known: bwn, twn, ttq"));
  CHECK_THROWS_WITH(make("twn:treshold=exact"),
                    "[twn] unknown option \"treshold\"; did you mean \"threshold\"? known: threshold=mean|exact, "
                    "group=layer|filter");
  CHECK_THROWS_WITH(make("twn:group=row"), ContainsSubstring("group=layer|filter"));
  CHECK_THROWS_WITH(make("heq:n=4"), "[heq] expected n=3|5|7 (default 3); got \"4\"");
  CHECK_THROWS_WITH(make("lsq:bits=9"), ContainsSubstring("bits=ternary|2..7"));
  CHECK_THROWS_WITH(make("tas:delta_grad=exact"), ContainsSubstring("window|consistent|paper"));
  CHECK_THROWS_AS(tern::QuantSpec::parse("twn:"), tern::ValueError);
  CHECK_THROWS_AS(tern::QuantSpec::parse("twn:a=1,a=2"), tern::ValueError);
  CHECK_THROWS_AS(tern::QuantSpec::parse(""), tern::ValueError);
}
