// The gradient of alpha: the worked example, and the second order against a numeric derivative on a small mixed network
// in double.
#include <cmath>

#include "catch.hpp"
#include "gradcheck.hpp"
#include "tern/nas.hpp"

using namespace tern;

TEST_CASE("bilevel: worked example", "[nas][golden]") {
  Tensor w = Tensor::full(Shape{1}, 0.0, DType::kF64).set_requires_grad(true);
  Tensor a = Tensor::full(Shape{1}, 1.0, DType::kF64).set_requires_grad(true);
  const auto half_square = [](const Tensor& x) { return scale(sum(mul(x, x)), 0.5); };
  nas::InnerProblem problem;
  problem.weights = {{w, {}, 0}};
  problem.alphas = {a};
  problem.train_loss = [&] { return half_square(sub(w, a)); };
  problem.validation_loss = [&] { return add(half_square(add_scalar(w, -2.0)), scale(sum(a), 0.0)); };
  const double loss = nas::second_order_gradient(problem, 0.1);
  CHECK(loss == Approx(0.5 * 1.9 * 1.9));  // at w' = 0.1
  CHECK(a.grad().item() == Approx(-0.19).epsilon(1e-9));
  CHECK(w.item() == 0.0);
  nas::first_order_gradient(problem);
  CHECK(a.grad().item() == 0.0);
  CHECK_FALSE(w.grad().defined());
}

namespace {

// Two mixed edges of three operations on a 5x5 image, batch norm without running statistics, a classifier: the
// ingredients of a cell, in double.
struct Tiny {
  Tensor images = testing::random(Shape{6, 2, 5, 5}, 1), more_images = testing::random(Shape{6, 2, 5, 5}, 2);
  Tensor labels = Tensor::from(std::vector<std::int64_t>{0, 1, 2, 2, 1, 0}, Shape{6});
  Tensor more_labels = Tensor::from(std::vector<std::int64_t>{1, 1, 0, 2, 0, 2}, Shape{6});
  Tensor alpha = testing::random(Shape{2, 3}, 3, -0.5, 0.5).set_requires_grad(true);
  Tensor w1 = testing::random(Shape{2, 2, 3, 3}, 4, -0.5, 0.5).set_requires_grad(true);
  Tensor w2 = testing::random(Shape{2, 2, 3, 3}, 5, -0.5, 0.5).set_requires_grad(true);
  Tensor fc = testing::random(Shape{3, 2}, 6, -1, 1).set_requires_grad(true);

  Tensor edge(const Tensor& x, const Tensor& w, std::int64_t row) const {
    BatchNormState state{Tensor::zeros(Shape{2}), Tensor::full(Shape{2}, 1.0)};
    const BatchNormOptions keep{.update_running = false};
    const Tensor conv = batch_norm(conv2d(tern::tanh(x), w, {}, Conv2dOptions::square(1, 1)), {}, {}, state, keep);
    const Tensor dilated =
        batch_norm(conv2d(tern::tanh(x), w, {}, Conv2dOptions::square(1, 2, 2)), {}, {}, state, keep);
    const Tensor pooled = avg_pool2d(x, {.kernel = 3, .stride = 1, .pad = 1});
    return weighted_sum({conv, dilated, pooled}, reshape(slice(softmax(alpha), 0, row, row + 1), Shape{3}));
  }
  Tensor loss(const Tensor& x, const Tensor& y) const {
    const Tensor node = add(edge(x, w1, 0), edge(edge(x, w1, 0), w2, 1));
    return cross_entropy(linear(flatten(global_avg_pool(tern::tanh(node))), fc), y);
  }
};

}  // namespace

TEST_CASE("bilevel: second order equals the numeric derivative through the inner step", "[nas]") {
  Tiny net;
  const double xi = 0.05, momentum = 0.9, decay = 0.01;
  nas::InnerProblem problem;
  problem.momentum = momentum;
  problem.alphas = {net.alpha};
  problem.weights = {{net.w1, testing::random(net.w1.shape(), 7, -0.1, 0.1), decay},
                     {net.w2, testing::random(net.w2.shape(), 8, -0.1, 0.1), decay},
                     {net.fc, {}, 0}};
  problem.train_loss = [&] { return net.loss(net.images, net.labels); };
  problem.validation_loss = [&] { return net.loss(net.more_images, net.more_labels); };

  std::vector<std::vector<double>> before;
  for (const nas::InnerWeight& w : problem.weights) before.push_back(w.value.to_vector());
  const double loss_at_look_ahead = nas::second_order_gradient(problem, xi);
  const std::vector<double> got = net.alpha.grad().to_vector();
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(problem.weights[i].value.to_vector() == before[i]);
  CHECK_FALSE(net.w1.grad().defined());

  // F(alpha) = L_val(w - xi (dL_train/dw + decay w + momentum buf), alpha), differentiated numerically
  const auto through_the_step = [&] {
    for (const nas::InnerWeight& w : problem.weights) w.value.zero_grad();
    backward(problem.train_loss());
    std::vector<Tensor> saved;
    for (const nas::InnerWeight& w : problem.weights) {
      saved.push_back(w.value.clone());
      for (std::int64_t i = 0; i < w.value.numel(); ++i) {
        const double buf = w.momentum.defined() ? w.momentum.data<double>()[i] : 0.0;
        const double value = w.value.data<double>()[i];
        w.value.data<double>()[i] =
            value - xi * (w.value.grad().data<double>()[i] + w.weight_decay * value + momentum * buf);
      }
    }
    const double value = problem.validation_loss().item();
    for (std::size_t i = 0; i < saved.size(); ++i) problem.weights[i].value.copy_from(saved[i]);
    return value;
  };
  CHECK(through_the_step() == Approx(loss_at_look_ahead).epsilon(1e-12));
  nas::first_order_gradient(problem);
  const std::vector<double> first = net.alpha.grad().to_vector();
  double second_error = 0, first_error = 0, size = 0;
  for (std::int64_t i = 0; i < net.alpha.numel(); ++i) {
    double& a = net.alpha.data<double>()[i];
    const double at = a, h = 1e-4;
    a = at + h;
    const double above = through_the_step();
    a = at - h;
    const double below = through_the_step();
    a = at;
    const double numeric = (above - below) / (2 * h);
    const auto k = static_cast<std::size_t>(i);
    second_error = std::max(second_error, std::fabs(got[k] - numeric));
    first_error = std::max(first_error, std::fabs(first[k] - numeric));
    size = std::max(size, std::fabs(numeric));
  }
  INFO("largest slope " << size << ", error of the first order " << first_error << ", of the second " << second_error);
  CHECK(second_error < 2e-3 * size);  // what is left is the difference quotient's e^2 term
  CHECK(first_error > 10 * second_error);
}

TEST_CASE("bilevel: a first order step leaves weights without gradients", "[nas]") {
  Tiny net;
  nas::InnerProblem problem;
  problem.alphas = {net.alpha};
  problem.weights = {{net.w1, {}, 0}, {net.w2, {}, 0}, {net.fc, {}, 0}};
  problem.validation_loss = [&] { return net.loss(net.more_images, net.more_labels); };
  nas::first_order_gradient(problem);
  CHECK(net.alpha.grad().defined());
  for (const nas::InnerWeight& w : problem.weights) {
    CHECK_FALSE(w.value.grad().defined());
    CHECK(w.value.requires_grad());
  }
}
