#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "gradcheck.hpp"
#include "tern/error.hpp"

using namespace tern;
using tern::testing::gradcheck;
using tern::testing::random;
using tern::testing::random_around;

namespace {

struct Row {
  const char* name;
  Tensor (*op)(const Tensor&);
  double (*f)(double);
  std::vector<double> kinks;
  double low = -2.0;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> r = {
      {"neg", neg, [](double v) { return -v; }, {}},
      {"exp", exp, [](double v) { return std::exp(v); }, {}},
      {"log", log, [](double v) { return std::log(v); }, {}, 0.1},
      {"sqrt", sqrt, [](double v) { return std::sqrt(v); }, {}, 0.1},
      {"abs", abs, [](double v) { return std::fabs(v); }, {0.0}},
      {"relu", relu, [](double v) { return v > 0 ? v : 0; }, {0.0}},
      {"hardtanh", hardtanh, [](double v) { return v < -1  ? -1
                                                   : v > 1 ? 1
                                                           : v; }, {-1.0, 1.0}},
      {"tanh", tanh, [](double v) { return std::tanh(v); }, {}},
      {"sigmoid", sigmoid, [](double v) { return 1 / (1 + std::exp(-v)); }, {}},
  };
  return r;
}

}  // namespace

TEST_CASE("elementwise: values and gradients", "[ops]") {
  for (const Row& row : rows()) {
    INFO(row.name);
    const Tensor x = random_around(Shape{3, 5, 4}, 1, row.kinks, row.low);
    const std::vector<double> in = x.to_vector(), out = row.op(x).to_vector(),
                              single = row.op(x.to(DType::kF32)).to_vector();
    for (std::size_t i = 0; i < in.size(); ++i) {
      CHECK(out[i] == Approx(row.f(in[i])).epsilon(1e-14).margin(1e-14));
      CHECK(single[i] == Approx(row.f(in[i])).epsilon(1e-5).margin(1e-6));  // a few ulp of float32
    }
    gradcheck([&](const std::vector<Tensor>& v) { return row.op(v[0]); }, {x});
  }
  const Tensor x = random(Shape{7}, 2);
  gradcheck([](const std::vector<Tensor>& v) { return scale(add_scalar(v[0], 0.5), -3.0); }, {x});
  CHECK(scale(add_scalar(x, 0.5), -3.0).to_vector()[3] == Approx(-3.0 * (x.to_vector()[3] + 0.5)).epsilon(1e-15));
}

TEST_CASE("elementwise: rules at the kinks, and NaN stays visible", "[ops]") {
  const auto gradient = [](Tensor (*op)(const Tensor&), double at) {
    const Tensor x = Tensor::full(Shape{1}, at).set_requires_grad(true);
    backward(op(x));
    return x.grad().item();
  };
  CHECK(gradient(relu, 0.0) == 0.0);
  CHECK(gradient(abs, 0.0) == 0.0);
  CHECK(gradient(hardtanh, 1.0) == 1.0);
  CHECK(gradient(hardtanh, -1.0) == 1.0);
  CHECK(gradient(hardtanh, std::nextafter(1.0f, 2.0f)) == 0.0);
  const Tensor nan = Tensor::full(Shape{1}, std::numeric_limits<double>::quiet_NaN());
  CHECK(std::isnan(relu(nan).item()));
  CHECK(std::isnan(hardtanh(nan).item()));
}

namespace {

// f's gradient at x in float32 for the seed dy: dense and seen by the caller too, in a strided layout, handed on by an
// operation that gives it to another one as well, and alone, where it may be overwritten.
void check_any_gradient(const std::function<Tensor(const Tensor&)>& f, const Tensor& at) {
  const Tensor dy = random(at.shape(), 31).to(DType::kF32), kept = dy.clone();
  const auto gradient = [&](const std::function<void(const Tensor&)>& go) {
    const Tensor x = at.to(DType::kF32).clone().set_requires_grad(true);
    go(f(x));
    return testing::bits(x.grad());
  };
  const std::vector<float> expected = gradient([&](const Tensor& y) { backward(y, dy); });
  CHECK(gradient([&](const Tensor& y) { backward(y, testing::strided_copy(dy)); }) == expected);
  CHECK(gradient([&](const Tensor& y) { backward(scale(y, 2.0), scale(dy, 0.5)); }) == expected);
  for (const bool first : {true, false}) {
    const Tensor other = Tensor::zeros(at.shape()).set_requires_grad(true);
    CHECK(gradient([&](const Tensor& y) {
            backward(scale(first ? add(y, neg(other)) : add(neg(other), y), 2.0), scale(dy, 0.5));
          }) == expected);
    CHECK(testing::bits(other.grad()) == testing::bits(neg(dy)));
  }
  CHECK(testing::bits(dy) == testing::bits(kept));
}

}  // namespace

TEST_CASE("elementwise: a gradient that nobody else sees is overwritten, any other is not", "[ops]") {
  for (const Row& row : rows()) {
    INFO(row.name);
    check_any_gradient(row.op, random_around(Shape{3, 5, 4}, 30, row.kinks, row.low));
  }
  check_any_gradient(heaviside_ste, random(Shape{3, 5, 4}, 32));
  check_any_gradient(sign_ste, random(Shape{3, 5, 4}, 33));
  for (const bool fuse_relu : {false, true}) {
    check_any_gradient(
        [&](const Tensor& x) {
          BatchNormState state{Tensor::zeros(Shape{5}), Tensor::full(Shape{5}, 1.0)};
          return batch_norm(x, {}, {}, state, {.fuse_relu = fuse_relu});
        },
        random(Shape{6, 5, 7, 3}, 34));
  }

  // Backward through a chain holds one gradient at a time.
  const std::int64_t bytes = std::int64_t{1} << 20;
  const std::function<Tensor(const Tensor&)> links[] = {
      neg, relu, heaviside_ste, [](const Tensor& x) {
        BatchNormState state{Tensor::zeros(Shape{64}), Tensor::full(Shape{64}, 1.0)};
        return batch_norm(x, {}, {}, state, {});
      }};
  for (const auto& link : links) {
    const Tensor x = random(Shape{64, 64, 8, 8}, 35).to(DType::kF32).set_requires_grad(true);
    Tensor y = x;
    for (int i = 0; i < 6; ++i) y = link(y);
    const Tensor dy = Tensor::full(x.shape(), 1.0);
    const std::int64_t before = memory_stats().live_bytes;
    reset_peak_memory();
    backward(y, dy, {.retain_graph = true});
    CHECK(memory_stats().peak_bytes - before < bytes + bytes / 8);
    CHECK(x.grad().defined());
  }
}

TEST_CASE("binary operations broadcast and sum their gradients back", "[ops]") {
  struct Pair {
    Shape a, b, result;
  };
  const std::vector<Pair> pairs = {
      {Shape{2, 3}, Shape{2, 3}, Shape{2, 3}},
      {Shape{2, 3}, Shape{}, Shape{2, 3}},
      {Shape{}, Shape{4}, Shape{4}},
      {Shape{2, 3, 4}, Shape{4}, Shape{2, 3, 4}},
      {Shape{2, 3, 4}, Shape{3, 1}, Shape{2, 3, 4}},
      {Shape{2, 1, 4}, Shape{1, 3, 1}, Shape{2, 3, 4}},
      {Shape{3, 1}, Shape{1, 5}, Shape{3, 5}},
      {Shape{2, 1, 2, 1}, Shape{3, 1, 5}, Shape{2, 3, 2, 5}},
      {Shape{0, 3}, Shape{3}, Shape{0, 3}},
  };
  const std::vector<std::pair<Tensor (*)(const Tensor&, const Tensor&), std::function<double(double, double)>>> ops = {
      {add, std::plus<>()}, {sub, std::minus<>()}, {mul, std::multiplies<>()}, {div, std::divides<>()}};
  for (const Pair& p : pairs) {
    INFO(p.a.str() << " with " << p.b.str());
    const Tensor a = random(p.a, 3), b = random(p.b, 4, 0.5, 2.0);
    for (const auto& [op, f] : ops) {
      const Tensor y = op(a, b);
      REQUIRE(y.shape() == p.result);
      // Independent indexing: strides of 0 where an operand stretches.
      const auto at = [&](const Tensor& t, std::int64_t i) {
        std::int64_t offset = 0, step = 1;
        for (int d = p.result.rank() - 1, k = t.shape().rank() - 1; d >= 0; --d, --k) {
          const std::int64_t index = i % p.result[d];
          i /= p.result[d];
          if (k >= 0 && t.size(k) != 1) offset += index * step;
          if (k >= 0) step *= t.size(k);
        }
        return t.to_vector()[static_cast<std::size_t>(offset)];
      };
      const std::vector<double> v = y.to_vector();
      for (std::int64_t i = 0; i < y.numel(); ++i) CHECK(v[static_cast<std::size_t>(i)] == f(at(a, i), at(b, i)));
      gradcheck([&, g = op](const std::vector<Tensor>& x) { return g(x[0], x[1]); }, {a, b});
    }
  }
}

TEST_CASE("binary operations: one tensor as both arguments", "[ops]") {
  const Tensor x = random(Shape{4}, 5, 0.5, 1.5);
  gradcheck([](const std::vector<Tensor>& v) { return add(mul(v[0], v[0]), div(v[0], add(v[0], v[0]))); }, {x});
}

TEST_CASE("add_relu is add, then relu", "[ops]") {
  const Tensor a = random(Shape{3, 5}, 6), b = random(Shape{3, 5}, 7);
  const std::vector<double> y = add_relu(a, b).to_vector();
  CHECK(y == relu(add(a, b)).to_vector());
  CHECK(std::count(y.begin(), y.end(), 0.0) > 2);
  CHECK(std::count(y.begin(), y.end(), 0.0) < 13);
  gradcheck([](const std::vector<Tensor>& v) { return add_relu(v[0], v[1]); }, {a, b});
  gradcheck([](const std::vector<Tensor>& v) { return add_relu(v[0], v[0]); }, {a});
  CHECK_THROWS_AS(add_relu(a, random(Shape{5}, 8)), ShapeError);
}

TEST_CASE("prelu: one slope or one a channel", "[ops]") {
  const Tensor x = random_around(Shape{2, 3, 2, 2}, 6, {0.0});
  for (const std::int64_t n : {1, 3}) {
    const Tensor slope = random(Shape{n}, 7);
    gradcheck([](const std::vector<Tensor>& v) { return prelu(v[0], v[1]); }, {x, slope});
    const std::vector<double> in = x.to_vector(), out = prelu(x, slope).to_vector(), s = slope.to_vector();
    for (std::size_t i = 0; i < in.size(); ++i) {
      CHECK(out[i] == (in[i] > 0 ? in[i] : in[i] * s[n == 1 ? 0 : i / 4 % 3]));
    }
  }
  CHECK_THROWS_WITH(prelu(x, random(Shape{2}, 8)), ContainsSubstring("[prelu] expected a slope of shape 1 or 3"));
}

TEST_CASE("straight-through estimators follow their declared rules", "[ops]") {
  const std::vector<double> at = {-1.5, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.5};
  const auto check = [&](Tensor (*op)(const Tensor&), const std::vector<double>& y, const std::vector<double>& open) {
    for (const DType dtype : {DType::kF32, DType::kF64}) {
      const Tensor x = Tensor::from(at, Shape{8}).to(dtype).clone().set_requires_grad(true);
      const Tensor out = op(x);
      CHECK(out.to_vector() == y);
      backward(out, Tensor::full(Shape{8}, 3.0, dtype));
      std::vector<double> dx = open;
      for (double& d : dx) d *= 3.0;
      CHECK(x.grad().to_vector() == dx);
    }
  };
  check(heaviside_ste, {0, 0, 0, 0, 0, 1, 1, 1}, {0, 1, 1, 1, 1, 1, 1, 0});
  check(sign_ste, {-1, -1, -1, 1, 1, 1, 1, 1}, {0, 0, 1, 1, 1, 1, 0, 0});
}

TEST_CASE("elementwise: a backward that writes in place does not touch what others hold", "[ops]") {
  const Tensor x = Tensor::full(Shape{3}, 2.0).set_requires_grad(true),
               z = Tensor::full(Shape{3}, 3.0).set_requires_grad(true);
  const Tensor seed = Tensor::full(Shape{3}, 1.0);
  const Tensor h = neg(x);
  retain_grad(h);
  backward(add(neg(h), add(scale(z, 5.0), h)), seed);  // the two additions hand one gradient to three places
  CHECK(seed.to_vector() == std::vector<double>{1, 1, 1});
  CHECK(h.grad().to_vector() == std::vector<double>{0, 0, 0});
  CHECK(z.grad().to_vector() == std::vector<double>{5, 5, 5});
}

TEST_CASE("elementwise: errors name the operation and the shapes", "[ops]") {
  const Tensor x = Tensor::zeros(Shape{2, 3}), labels = Tensor::zeros(Shape{2}, DType::kI64);
  CHECK_THROWS_WITH(add(x, Tensor::zeros(Shape{2})),
                    ContainsSubstring("[add] expected shapes that broadcast; got 2x3 and 2"));
  CHECK_THROWS_AS(add(x, Tensor::zeros(Shape{2})), ShapeError);
  CHECK_THROWS_AS(mul(x, x.to(DType::kF64)), ValueError);
  CHECK_THROWS_WITH(mul(x, x.to(DType::kF64)),
                    ContainsSubstring("[mul] expected tensors of one dtype; got float32 and float64"));
  CHECK_THROWS_WITH(relu(labels), ContainsSubstring("[relu] expected a float32 or float64 tensor; got int64"));
  CHECK_THROWS_WITH(exp(Tensor()), ContainsSubstring("[exp] expected a defined tensor"));
}

TEST_CASE("where: each element from one of two, and its gradient to that one", "[ops]") {
  const Tensor a = random(Shape{3, 5}, 1), b = random(Shape{3, 5}, 2);
  Tensor mask = Tensor::zeros(Shape{3, 5}, DType::kF64);
  for (std::int64_t i = 0; i < 15; i += 2) mask.data<double>()[i] = i % 4 ? 1.0 : -0.5;
  const auto y = where(mask, a, b).to_vector();
  for (std::size_t i = 0; i < 15; ++i) CHECK(y[i] == (i % 2 ? b : a).to_vector()[i]);
  gradcheck([&](const std::vector<Tensor>& v) { return where(mask, v[0], v[1]); }, {a, b});
  CHECK_THROWS_AS(where(mask, a, random(Shape{5, 3}, 2)), ShapeError);
  CHECK_THROWS_AS(where(mask, a, b.to(DType::kF32)), ValueError);
}
