// OR, TGAP and MUX: the worked example, every row of the truth table, both gradients, the full-precision twin.
#include "golden.hpp"
#include "tern/error.hpp"
#include "tern/logic.hpp"

using tern::DType;
using tern::Shape;
using tern::Tensor;

namespace {

Tensor of(const Values& v, const Shape& shape) { return leaf(v, shape, DType::kF64); }
void back(const Tensor& y, const Values& g) { tern::backward(y, Tensor::from(g, y.shape())); }

}  // namespace

TEST_CASE("logic_or: truth table and its two gradients", "[quant]") {
  for (const bool by_logic : {false, true}) {
    const Tensor a = of({0, 0, 1, 1}, Shape{4}), b = of({0, 1, 0, 1}, Shape{4});
    const Tensor o = tern::logic_or(a, b, {.by_logic = by_logic});
    CHECK(o.to_vector() == Values{0, 1, 1, 1});
    back(o, {2, 3, 5, 7});
    CHECK(a.grad().to_vector() == (by_logic ? Values{2, 0, 5, 0} : Values{2, 3, 5, 0}));
    CHECK(b.grad().to_vector() == (by_logic ? Values{2, 3, 0, 0} : Values{2, 3, 5, 0}));
  }
  const Tensor a = of({0, 0.5, 2}, Shape{3}), b = of({0, 0.25, 0}, Shape{3});
  const Tensor o = tern::logic_or(a, b, {.real = true});
  CHECK(o.to_vector() == Values{0, 0.75, 2});
  back(o, {1, 1, 1});
  CHECK(a.grad().to_vector() == Values{0, 1, 1});
}

TEST_CASE("tgap and mux: worked example", "[quant]") {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    const Shape shape{1, 2, 2, 2};
    const Values x{1, 1, 1, 0, 1, 0, 0, 1}, y{0, 1, 0, 0, 0, 0, 1, 0}, g{0.1, 0.2, 0.3, 0.4, 0.5, -0.6, 0.7, 0.8};
    const Tensor lx = leaf(x, shape, dtype), ly = leaf(y, shape, dtype);
    const Tensor t = tern::tgap(lx);
    CHECK(t.shape() == Shape{1, 2, 1, 1});
    CHECK(t.to_vector() == Values{1, 0});  // 3 of 4; 2 of 4 is not more than half
    tern::retain_grad(t);
    const Tensor o = tern::mux(t, ly, lx);
    CHECK(o.to_vector() == Values{0, 1, 0, 0, 1, 0, 1, 1});
    tern::backward(o, Tensor::from(g, shape).to(dtype));
    check_values(t.grad(), {-0.4, -1.3}, 1e-6);
    check_values(ly.grad(), g, 1e-6);
    const double spread = -1.3 / 4;
    check_values(lx.grad(), {-0.1, -0.1, -0.1, -0.1, 0.5 + spread, -0.6 + spread, 0.7 + spread, 0.8 + spread}, 1e-6);
  }
}

TEST_CASE("tgap: stop_grad, the twin's threshold, the window", "[quant]") {
  const Tensor x = of({1, 1, 1, 0}, Shape{1, 1, 2, 2}), y = of({0, 0, 0, 0}, Shape{1, 1, 2, 2});
  const tern::LogicOptions stop{.stop_grad = true};
  back(tern::mux(tern::tgap(x, stop), y, x, stop), {1, 1, 1, 1});
  CHECK(x.grad().to_vector() == Values{0, 0, 0, 0});  // t = 1: the skip is off, and the gate passes nothing

  // Channel means 0.2, 0.5, 1: m is the largest of the sample, so 0.5 is not above half of it. Another sample has its
  // own.
  const Tensor means = of({0.2, 0.5, 1.0, 0.2, 0.1, 0.0}, Shape{2, 3, 1, 1});
  CHECK(tern::tgap(means, {.real = true}).to_vector() == Values{0, 0, 1, 1, 0, 0});
  CHECK(tern::tgap(of({0, 0}, Shape{1, 2, 1, 1}), {.real = true}).to_vector() == Values{0, 0});

  // |p - m/2| <= 1 is closed: p = 1.5 passes, p = 1.6 does not.
  const Tensor wide = of({1.5, 1.6, -0.5, -0.6}, Shape{1, 4, 1, 1});
  back(tern::tgap(wide), {1, 1, 1, 1});
  CHECK(wide.grad().to_vector() == Values{1, 0, 1, 0});
}

TEST_CASE("mux: the skip of the twin, and OR's logic gradient", "[quant]") {
  const Shape shape{1, 1, 1, 3};
  const Tensor t = Tensor::zeros(Shape{1, 1, 1, 1}, DType::kF64), y = of({1, 0, 1}, shape), x = of({0, 1, 1}, shape);
  back(tern::mux(t, y, x, {.by_logic = true}), {2, 3, 5});
  CHECK(y.grad().to_vector() == Values{2, 0, 0});
  CHECK(x.grad().to_vector() == Values{0, 3, 0});
  const Tensor real = tern::mux(t, of({0.5, 0, 2}, shape), of({1, 0, 0}, shape), {.real = true});
  CHECK(real.to_vector() == Values{1.5, 0, 2});
}

TEST_CASE("logic: shapes and dtypes that do not fit", "[quant]") {
  const Tensor a = Tensor::zeros(Shape{1, 2, 3, 3}), b = Tensor::zeros(Shape{1, 2, 3, 4}),
               t = Tensor::zeros(Shape{1, 2, 1, 1});
  CHECK_THROWS_WITH(tern::logic_or(a, b), ContainsSubstring("1x2x3x3") && ContainsSubstring("1x2x3x4"));
  CHECK_THROWS_AS(tern::mux(t, a, b), tern::ShapeError);
  CHECK_THROWS_AS(tern::mux(a, a, a), tern::ShapeError);
  CHECK_THROWS_AS(tern::mux(t, a, a.to(DType::kF64)), tern::ValueError);
  CHECK_THROWS_AS(tern::tgap(Tensor::zeros(Shape{2, 3})), tern::ShapeError);
  CHECK_THROWS_AS(tern::tgap(Tensor::zeros(Shape{2, 3, 0, 2})), tern::ShapeError);
}
