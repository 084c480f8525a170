// gradcheck: compares the recorded backward of a function with central differences, in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "catch.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/rng.hpp"

namespace tern::testing {

/// Uniform in [low, high), float64.
inline Tensor random(const Shape& shape, std::uint64_t seed, double low = -2.0, double high = 2.0) {
  Rng rng(seed, 77);
  std::vector<double> v(static_cast<std::size_t>(shape.numel()));
  for (double& e : v) e = low + (high - low) * static_cast<double>(rng.uniform());
  return Tensor::from(v, shape);
}

/// random(), with every element moved out of (kink - margin, kink + margin) for each kink, and a check that elements
/// lie on both sides of each: a finite difference across a kink would be wrong, and a piece never reached is not
/// tested.
inline Tensor random_around(const Shape& shape, std::uint64_t seed, const std::vector<double>& kinks, double low = -2.0,
                            double high = 2.0, double margin = 1e-2) {
  const Tensor t = random(shape, seed, low, high);
  for (double& e : t.span<double>()) {
    for (const double k : kinks) {
      if (std::fabs(e - k) < margin) e = e < k ? k - margin : k + margin;
    }
  }
  const std::vector<double> v = t.to_vector();
  for (const double k : kinks) {
    REQUIRE(std::any_of(v.begin(), v.end(), [k](double e) { return e < k; }));
    REQUIRE(std::any_of(v.begin(), v.end(), [k](double e) { return e > k; }));
  }
  return t;
}

/// The same values in a layout with gaps and, from rank 2 on, with the last two dimensions stored swapped.
inline Tensor strided_copy(const Tensor& t) {
  const int rank = t.shape().rank();
  if (rank == 0) return t.clone();
  std::vector<std::int64_t> order(static_cast<std::size_t>(rank)), strides(order);
  for (int d = 0; d < rank; ++d) order[static_cast<std::size_t>(d)] = d;
  if (rank >= 2) std::swap(order[order.size() - 1], order[order.size() - 2]);
  std::int64_t step = 2;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    strides[static_cast<std::size_t>(*it)] = step;
    step *= t.size(static_cast<int>(*it));
  }
  const Tensor view = Tensor::zeros(Shape{step + 1}, t.dtype()).strided_view(t.shape(), strides);
  view.copy_from(t);
  return view;
}

using Function = std::function<Tensor(const std::vector<Tensor>&)>;

/// For L = sum r * f(inputs) with random r, checks every dL/dinput against (L(x + h) - L(x - h)) / 2h. With h = 1e-5
/// the truncation error is about h^2 f''' = 1e-10 and the rounding error eps L / h = 1e-11 L, so a relative 1e-6 has
/// room for steep functions and none for a wrong rule. Also checks that inputs in a strided layout give the same result
/// and gradients, and that an input that wants no gradient changes nothing for the others.
inline void gradcheck(const Function& f, const std::vector<Tensor>& inputs, double tolerance = 1e-6) {
  const auto leaves = [&](auto&& copy) {
    std::vector<Tensor> out;
    for (const Tensor& t : inputs) {
      out.push_back(copy(t));
      if (t.dtype() != DType::kI64) out.back().set_requires_grad(true);
    }
    return out;
  };
  const std::vector<Tensor> x = leaves([](const Tensor& t) { return t.clone(); });
  const Tensor y = f(x);
  const Tensor weights = random(y.shape(), 4242, 0.5, 1.5);
  const std::vector<double> r = weights.to_vector();
  backward(y, weights);

  const auto loss = [&] {
    const NoGrad no_grad;
    const std::vector<double> v = f(x).to_vector();
    double total = 0;
    for (std::size_t i = 0; i < v.size(); ++i) total += r[i] * v[i];
    return total;
  };
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (x[k].dtype() == DType::kI64) continue;
    INFO("input " << k << " of shape " << x[k].shape().str());
    REQUIRE(x[k].grad().defined());
    const std::vector<double> got = x[k].grad().to_vector();
    for (std::int64_t i = 0; i < x[k].numel(); ++i) {
      double& e = x[k].data<double>()[i];
      const double before = e, h = 1e-5;
      e = before + h;
      const double above = loss();
      e = before - h;
      const double below = loss();
      e = before;
      const double expected = (above - below) / (2 * h), dx = got[static_cast<std::size_t>(i)];
      if (std::fabs(dx - expected) > tolerance * std::max({1.0, std::fabs(dx), std::fabs(expected)})) {
        INFO("element " << i << " of value " << before);
        CHECK(dx == Approx(expected).epsilon(tolerance));
        return;
      }
    }
  }

  const std::vector<Tensor> strided =
      leaves([](const Tensor& t) { return t.dtype() == DType::kI64 ? t : strided_copy(t); });
  const Tensor z = f(strided);
  CHECK(z.to_vector() == y.to_vector());
  backward(z, strided_copy(weights));
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (x[k].dtype() != DType::kI64) CHECK(strided[k].grad().to_vector() == x[k].grad().to_vector());
  }
  for (std::size_t only = 0; inputs.size() > 1 && only < inputs.size(); ++only) {
    if (inputs[only].dtype() == DType::kI64) continue;
    std::vector<Tensor> some;
    for (const Tensor& t : inputs) some.push_back(t.clone());
    some[only].set_requires_grad(true);
    backward(f(some), weights);
    CHECK(some[only].grad().to_vector() == x[only].grad().to_vector());
  }
}

/// to_vector() as float, for comparing bits of float32 results.
inline std::vector<float> bits(const Tensor& t) {
  const Tensor c = t.contiguous();
  const auto s = c.span<float>();
  return {s.begin(), s.end()};
}

}  // namespace tern::testing
