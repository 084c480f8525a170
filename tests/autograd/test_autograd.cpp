#include <stdexcept>

#include "catch.hpp"
#include "tern/autograd.hpp"
#include "tern/error.hpp"

using tern::Shape;
using tern::Tensor;

namespace {

// y = c * x, written through the public extension point.
Tensor scale(const Tensor& x, double c) {
  const auto times = [c](const Tensor& t) {
    std::vector<double> v = t.to_vector();
    for (double& e : v) e *= c;
    return Tensor::from(v, t.shape());
  };
  return tern::record("scale", times(x), {x}, [times](const Tensor& dy) { return std::vector<Tensor>{times(dy)}; });
}

Tensor sum2(const Tensor& a, const Tensor& b) {
  std::vector<double> v = a.to_vector();
  const std::vector<double> w = b.to_vector();
  for (std::size_t i = 0; i < v.size(); ++i) v[i] += w[i];
  return tern::record("sum2", Tensor::from(v, a.shape()), {a, b}, [](const Tensor& dy) {
    return std::vector<Tensor>{dy, dy};
  });
}

Tensor leaf(std::vector<double> v) {
  const auto n = static_cast<std::int64_t>(v.size());
  Tensor t = Tensor::from(v, Shape{n});
  t.set_requires_grad(true);
  return t;
}

}  // namespace

TEST_CASE("backward: gradients add up over every path", "[autograd]") {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor a = scale(x, 3.0);
  const Tensor y = sum2(sum2(a, x), scale(a, 10.0));  // 3x + x + 30x
  tern::backward(y, Tensor::from(std::vector<double>{1.0, 2.0}, Shape{2}));
  CHECK(y.to_vector() == std::vector<double>{34.0, 68.0});
  CHECK(x.grad().to_vector() == std::vector<double>{34.0, 68.0});
  const Tensor again = scale(x, 2.0);
  tern::backward(again, Tensor::from(std::vector<double>{1.0, 1.0}, Shape{2}));
  CHECK(x.grad().to_vector() == std::vector<double>{36.0, 70.0});
}

TEST_CASE("backward: the gradient of a leaf is not an alias of another tensor", "[autograd]") {
  const Tensor x = leaf({1.0}), z = leaf({1.0});
  tern::backward(sum2(x, z));
  x.grad().fill(5.0);
  CHECK(z.grad().item() == 1.0);
}

TEST_CASE("a chain of 200,000 operations neither walks nor dies recursively", "[autograd]") {
  const Tensor x = leaf({1.0});
  {
    Tensor y = x;
    for (int i = 0; i < 200'000; ++i) y = scale(y, i % 2 ? 2.0 : 0.5);
    tern::backward(y, {}, {.retain_graph = true});
    CHECK(x.grad().item() == 1.0);
  }  // y dies here with its whole history
  Tensor y = x;
  for (int i = 0; i < 200'000; ++i) y = scale(y, 1.0);
}

TEST_CASE("backward: releases activations as it goes", "[autograd]") {
  const Tensor x = Tensor::zeros(Shape{1000}, tern::DType::kF64).set_requires_grad(true);
  const std::int64_t before = tern::memory_stats().live_bytes;
  Tensor y = x;
  for (int i = 0; i < 10; ++i) {
    const Tensor saved = y.clone();
    y = tern::record("keep", y.clone(), {y}, [saved](const Tensor& dy) { return std::vector<Tensor>{dy}; });
  }
  CHECK(tern::memory_stats().live_bytes - before >= 10 * 8000);
  tern::backward(y, Tensor::full(Shape{1000}, 1.0, tern::DType::kF64));
  y = Tensor();
  CHECK(tern::memory_stats().live_bytes - before <= 2 * 8192);  // the leaf's gradient is left
}

TEST_CASE("backward: misuse is an error", "[autograd]") {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor y = scale(x, 2.0);
  CHECK_THROWS_AS(tern::backward(y), tern::ShapeError);
  CHECK_THROWS_AS(tern::backward(y, Tensor::scalar(1.0)), tern::ShapeError);
  CHECK_THROWS_AS(tern::backward(x), tern::ValueError);
  const Tensor seed = Tensor::from(std::vector<double>{1.0, 1.0}, Shape{2});
  tern::backward(y, seed);
  CHECK_THROWS_WITH(tern::backward(y, seed), ContainsSubstring("already used"));
  const Tensor bad =
      tern::record("bad", x.clone(), {x}, [](const Tensor&) { return std::vector<Tensor>{Tensor::scalar(1.0)}; });
  CHECK_THROWS_WITH(tern::backward(bad, seed), ContainsSubstring("[bad, backward] expected a gradient of shape 2"));
}

TEST_CASE("backward: one that failed leaves nothing behind for the next", "[autograd]") {
  const Tensor x = leaf({1.0});
  bool fails = true;
  const Tensor h = scale(x, 2.0);
  const Tensor p = tern::record("fragile", h.clone(), {h}, [&fails](const Tensor& dy) {
    if (fails) throw std::runtime_error("no");
    return std::vector<Tensor>{dy};
  });
  const Tensor y = sum2(p, scale(h, 3.0));  // the walk gives h a gradient before it comes to p
  CHECK_THROWS_WITH(tern::backward(y, {}, {.retain_graph = true}), "no");
  fails = false;
  tern::backward(y, {}, {.retain_graph = true});
  CHECK(x.grad().item() == 8.0);

  const Tensor early = scale(x, 5.0), used = scale(x, 7.0);
  tern::backward(used);
  x.zero_grad();
  CHECK_THROWS_WITH(tern::backward(sum2(used, early)), ContainsSubstring("already used"));
  tern::backward(scale(early, 1.0));
  CHECK(x.grad().item() == 5.0);
}

TEST_CASE("no_grad, retain_grad, dot", "[autograd]") {
  const Tensor x = leaf({2.0});
  {
    const tern::NoGrad off;
    CHECK_FALSE(scale(x, 2.0).requires_grad());
  }
  const Tensor h = scale(x, 3.0);
  tern::retain_grad(h);
  const Tensor y = scale(h, 5.0);
  const std::string dot = tern::graph_dot(y);
  CHECK_THAT(dot, ContainsSubstring("digraph") && ContainsSubstring("scale"));
  tern::backward(y);
  CHECK(h.grad().item() == 5.0);
  CHECK(x.grad().item() == 15.0);
}
