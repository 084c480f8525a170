#include <cmath>

#include "gradcheck.hpp"
#include "kernels/exact.hpp"
#include "tern/cpu.hpp"
#include "tern/error.hpp"

using namespace tern;
using tern::testing::gradcheck;
using tern::testing::random;

namespace {

BatchNormState fresh(std::int64_t c) { return {Tensor::zeros(Shape{c}), Tensor::full(Shape{c}, 1.0)}; }

// Elements of channel c, whatever the rank.
std::vector<double> channel(const Tensor& x, std::int64_t c) {
  std::vector<double> out;
  const std::vector<double> v = x.to_vector();
  const std::int64_t pixels = x.shape().rank() == 4 ? x.size(2) * x.size(3) : 1;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (static_cast<std::int64_t>(i) / pixels % x.size(1) == c) out.push_back(v[i]);
  }
  return out;
}

struct Moments {
  double mean = 0, var = 0;
};
Moments moments(const std::vector<double>& v) {
  Moments m;
  for (const double e : v) m.mean += e / static_cast<double>(v.size());
  for (const double e : v) m.var += (e - m.mean) * (e - m.mean) / static_cast<double>(v.size());
  return m;
}

}  // namespace

TEST_CASE("batch_norm: training normalises by the batch and blends the running statistics", "[ops][norm]") {
  for (const Shape& shape : {Shape{5, 3, 4, 3}, Shape{9, 3}, Shape{2, 3, 1, 1}}) {
    for (const DType dtype : {DType::kF64, DType::kF32}) {
      const Tensor x = add_scalar(random(shape, 1), 5.0).to(dtype), gamma = random(Shape{3}, 2).to(dtype),
                   beta = random(Shape{3}, 3).to(dtype);
      BatchNormState state = fresh(3);
      const Tensor y = batch_norm(x, gamma, beta, state, {.eps = 1e-3, .momentum = 0.25});
      for (std::int64_t c = 0; c < 3; ++c) {
        const std::vector<double> in = channel(x, c), out = channel(y, c);
        const Moments m = moments(in);
        const auto k = static_cast<std::size_t>(c);
        const double tolerance = dtype == DType::kF64 ? 1e-12 : 2e-5;  // float32: k1 x - k1 mu cancels 5 against 1
        for (std::size_t i = 0; i < in.size(); ++i) {
          const double expected =
              gamma.to_vector()[k] * (in[i] - m.mean) / std::sqrt(m.var + 1e-3) + beta.to_vector()[k];
          CHECK(std::fabs(out[i] - expected) < tolerance);
        }
        const double count = static_cast<double>(in.size());
        CHECK(state.running_mean.to_vector()[k] == Approx(0.25 * m.mean).epsilon(1e-6));
        CHECK(state.running_var.to_vector()[k] == Approx(0.75 + 0.25 * m.var * count / (count - 1)).epsilon(1e-6));
      }
      const BatchNormState before{state.running_mean.clone(), state.running_var.clone()};
      batch_norm(x, gamma, beta, state, {.update_running = false});
      CHECK(state.running_mean.to_vector() == before.running_mean.to_vector());
      CHECK(state.running_var.to_vector() == before.running_var.to_vector());
    }
  }
}

TEST_CASE("batch_norm: a mean far from zero does not eat the variance", "[ops][norm]") {
  std::vector<float> v;
  for (int i = 0; i < 64; ++i) v.push_back(4096.0f + static_cast<float>(i % 2));
  BatchNormState state = fresh(1);
  batch_norm(Tensor::from(v, Shape{64, 1}), {}, {}, state, {.momentum = 1.0});
  CHECK(state.running_mean.item() == 4096.5);
  CHECK(state.running_var.item() == Approx(0.25 * 64 / 63).epsilon(1e-7));
}

TEST_CASE("batch_norm: evaluation rounds exactly as the packed runtime does", "[ops][norm]") {
  const Tensor x = random(Shape{4, 5, 3, 3}, 4).to(DType::kF32), gamma = random(Shape{5}, 5).to(DType::kF32),
               beta = random(Shape{5}, 6).to(DType::kF32);
  BatchNormState state{random(Shape{5}, 7).to(DType::kF32), random(Shape{5}, 8, 0.1, 2.0).to(DType::kF32)};
  for (const bool relu_too : {false, true}) {
    const Tensor y = batch_norm(x, gamma, beta, state, {.training = false, .fuse_relu = relu_too});
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const std::int64_t c = i / 9 % 5;
      const exact::Affine a =
          exact::batch_norm(gamma.data<float>()[c], beta.data<float>()[c], state.running_mean.data<float>()[c],
                            state.running_var.data<float>()[c], 1e-5f);
      const float z = exact::affine(x.data<float>()[i], a.k1, a.k0);
      REQUIRE(y.data<float>()[i] == (relu_too ? exact::relu(z) : z));
    }
  }
}

TEST_CASE("batch_norm: gradients", "[ops][norm]") {
  for (const Shape& shape : {Shape{3, 2, 3, 2}, Shape{7, 2}}) {
    const Tensor x = random(shape, 9), gamma = Tensor::from(std::vector<double>{1.5, -0.7}, Shape{2}),
                 beta = Tensor::from(std::vector<double>{0.2, -0.1}, Shape{2});
    BatchNormState state{random(Shape{2}, 10).to(DType::kF32), random(Shape{2}, 11, 0.5, 2.0).to(DType::kF32)};
    for (const bool training : {true, false}) {
      for (const bool fuse_relu : {true, false}) {
        INFO("training " << training << ", fuse_relu " << fuse_relu);
        const BatchNormOptions o{.training = training, .update_running = false, .fuse_relu = fuse_relu};
        if (fuse_relu) {
          // Both sides of the max, and no value close to its kink.
          const std::vector<double> z =
              batch_norm(x, gamma, beta, state, {.training = training, .update_running = false}).to_vector();
          int above = 0, below = 0;
          for (const double v : z) {
            REQUIRE(std::fabs(v) > 1e-3);
            ++(v > 0 ? above : below);
          }
          REQUIRE((above > 0 && below > 0));
        }
        gradcheck([&](const std::vector<Tensor>& v) { return batch_norm(v[0], v[1], v[2], state, o); },
                  {x, gamma, beta});
        if (!fuse_relu)
          gradcheck([&](const std::vector<Tensor>& v) { return batch_norm(v[0], {}, {}, state, o); }, {x});
      }
    }
  }
}

TEST_CASE("batch_norm: evaluation of no images", "[ops][norm]") {
  for (const Shape& shape : {Shape{0, 3}, Shape{0, 3, 2, 2}}) {
    BatchNormState state = fresh(3);
    const Tensor x = Tensor::zeros(shape).set_requires_grad(true),
                 gamma = Tensor::full(Shape{3}, 2.0).set_requires_grad(true),
                 beta = Tensor::zeros(Shape{3}).set_requires_grad(true);
    const Tensor y = batch_norm(x, gamma, beta, state, {.training = false});
    CHECK(y.shape() == shape);
    backward(y, Tensor::zeros(shape));
    CHECK(x.grad().shape() == shape);
    CHECK(gamma.grad().to_vector() == std::vector<double>(3));
    CHECK(beta.grad().to_vector() == std::vector<double>(3));
  }
}

TEST_CASE("batch_norm: fused with relu it equals the two operations", "[ops][norm]") {
  const Tensor x = random(Shape{4, 3, 5, 5}, 12).to(DType::kF32), gamma = random(Shape{3}, 13).to(DType::kF32),
               beta = random(Shape{3}, 14).to(DType::kF32), seed = random(Shape{4, 3, 5, 5}, 15).to(DType::kF32);
  const auto run = [&](bool fused) {
    const Tensor in = x.clone().set_requires_grad(true);
    BatchNormState state = fresh(3);
    const Tensor z = batch_norm(in, gamma, beta, state, {.fuse_relu = fused});
    const Tensor y = fused ? z : relu(z);
    backward(y, seed);
    return std::pair{y.to_vector(), in.grad().to_vector()};
  };
  CHECK(run(true) == run(false));
}

TEST_CASE("batch_norm: errors", "[ops][norm]") {
  BatchNormState state = fresh(3), none;
  const Tensor x = Tensor::zeros(Shape{2, 3}), g = Tensor::zeros(Shape{3});
  CHECK_THROWS_WITH(batch_norm(x, Tensor::zeros(Shape{2}), g, state, {}),
                    ContainsSubstring("[batch_norm] expected gamma of shape 3; got 2"));
  CHECK_THROWS_AS(batch_norm(x, g, {}, state, {}), ValueError);
  CHECK_THROWS_AS(batch_norm(Tensor::zeros(Shape{2, 3, 4}), g, g, state, {}), ShapeError);
  CHECK_THROWS_AS(batch_norm(x, g, g, none, {}), ValueError);
  CHECK_THROWS_AS(batch_norm(x, g, g, state, {.eps = -1.0}), ValueError);
  CHECK_THROWS_AS(batch_norm(Tensor::zeros(Shape{0, 3}), g, g, state, {}), ShapeError);
  CHECK_THROWS_AS(batch_norm(x, g.to(DType::kF64), g.to(DType::kF64), state, {}), ValueError);
}

TEST_CASE("batch_norm: every instruction set gives the same bits", "[ops][norm]") {
  const Shape shape{6, 3, 13, 11};  // runs that are no multiple of a vector
  const Tensor x = random(shape, 20).to(DType::kF32), seed = random(shape, 21).to(DType::kF32);
  const auto run = [&](Isa isa, bool fuse_relu) {
    set_active_isa(isa);
    REQUIRE(active_isa() == isa);
    const Tensor in = x.clone().set_requires_grad(true);
    BatchNormState state = fresh(3);
    const Tensor y = batch_norm(in, {}, {}, state, {.fuse_relu = fuse_relu});
    backward(y, seed);
    return std::vector{testing::bits(y), testing::bits(in.grad()), testing::bits(state.running_mean),
                       testing::bits(state.running_var)};
  };
  for (const bool fuse_relu : {false, true}) {
    const auto expected = run(Isa::kPortable, fuse_relu);
    for (const Isa isa : available_isas()) {
      INFO(name_of(isa));
      CHECK(run(isa, fuse_relu) == expected);
    }
  }
  reset_active_isa();
}
