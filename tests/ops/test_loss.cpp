#include <cmath>
#include <numeric>

#include "gradcheck.hpp"
#include "tern/error.hpp"

using namespace tern;
using tern::testing::gradcheck;
using tern::testing::random;

namespace {

Tensor labels(std::vector<std::int64_t> v) {
  const auto n = static_cast<std::int64_t>(v.size());
  return Tensor::from(v, Shape{n});
}

std::vector<double> softmax_row(const std::vector<double>& x) {
  std::vector<double> p;
  double total = 0;
  for (const double v : x) total += std::exp(v);
  for (const double v : x) p.push_back(std::exp(v) / total);
  return p;
}

}  // namespace

TEST_CASE("softmax and log_softmax", "[ops][loss]") {
  const Tensor x = random(Shape{2, 3, 4}, 1);
  const std::vector<double> in = x.to_vector(), p = softmax(x).to_vector(), l = log_softmax(x).to_vector();
  for (std::size_t row = 0; row < in.size(); row += 4) {
    const std::vector<double> expected =
        softmax_row({in.begin() + static_cast<long>(row), in.begin() + static_cast<long>(row) + 4});
    for (std::size_t j = 0; j < 4; ++j) {
      CHECK(p[row + j] == Approx(expected[j]).epsilon(1e-13));
      CHECK(l[row + j] == Approx(std::log(expected[j])).epsilon(1e-13));
    }
  }
  gradcheck([](const std::vector<Tensor>& v) { return softmax(v[0]); }, {x});
  gradcheck([](const std::vector<Tensor>& v) { return log_softmax(v[0]); }, {x});
  // Far beyond what exp can hold.
  const Tensor far = Tensor::from(std::vector<float>{1e4f, 0.0f, -1e4f}, Shape{1, 3});
  CHECK(softmax(far).to_vector() == std::vector<double>{1, 0, 0});
  CHECK(log_softmax(far).to_vector() == std::vector<double>{0, -1e4, -2e4});
}

TEST_CASE("cross_entropy: values with and without label smoothing", "[ops][loss]") {
  const Tensor x = random(Shape{3, 4}, 2);
  const Tensor y = labels({2, 0, 3});
  for (const double smoothing : {0.0, 0.1, 0.5}) {
    double expected = 0;
    for (std::size_t n = 0; n < 3; ++n) {
      const std::vector<double> v = x.to_vector();
      const std::vector<double> p =
          softmax_row({v.begin() + static_cast<long>(4 * n), v.begin() + static_cast<long>(4 * n) + 4});
      for (std::size_t k = 0; k < 4; ++k) {
        const bool hit = static_cast<std::int64_t>(k) == y.data<std::int64_t>()[n];
        expected -= ((hit ? 1 - smoothing : 0.0) + smoothing / 4) * std::log(p[k]) / 3;
      }
    }
    CHECK(cross_entropy(x, y, smoothing).item() == Approx(expected).epsilon(1e-13));
    CHECK(cross_entropy(x.to(DType::kF32), y, smoothing).item() == Approx(expected).epsilon(1e-6));
    gradcheck([&](const std::vector<Tensor>& v) { return cross_entropy(v[0], v[1], smoothing); }, {x, y});
  }
  CHECK(cross_entropy(Tensor::zeros(Shape{5, 10}), labels({0, 1, 2, 3, 4})).item() ==
        Approx(std::log(10.0)).epsilon(1e-6));
}

TEST_CASE("distillation_loss: T^2 KL(teacher || student), nothing to the teacher", "[ops][loss]") {
  const Tensor student = random(Shape{3, 4}, 3), teacher = random(Shape{3, 4}, 4);
  for (const double t : {1.0, 4.0}) {
    double expected = 0;
    const std::vector<double> s = student.to_vector(), u = teacher.to_vector();
    for (std::size_t n = 0; n < 12; n += 4) {
      std::vector<double> a, b;
      for (std::size_t k = 0; k < 4; ++k) {
        a.push_back(u[n + k] / t);
        b.push_back(s[n + k] / t);
      }
      a = softmax_row(a);
      b = softmax_row(b);
      for (std::size_t k = 0; k < 4; ++k) expected += t * t * a[k] * std::log(a[k] / b[k]) / 3;
    }
    CHECK(distillation_loss(student, teacher, t).item() == Approx(expected).epsilon(1e-12));
    gradcheck([&](const std::vector<Tensor>& v) { return distillation_loss(v[0], teacher, t); }, {student});
  }
  CHECK(distillation_loss(student, student, 3.0).item() == Approx(0.0).margin(1e-15));
  const Tensor x = student.clone().set_requires_grad(true), y = teacher.clone().set_requires_grad(true);
  backward(distillation_loss(x, y, 2.0));
  CHECK(x.grad().defined());
  CHECK_FALSE(y.grad().defined());
}

TEST_CASE("losses: errors", "[ops][loss]") {
  const Tensor x = Tensor::zeros(Shape{2, 3});
  CHECK_THROWS_WITH(cross_entropy(x, labels({0, 3})),
                    ContainsSubstring("[cross_entropy] expected labels in [0, 3); got 3 at index 1"));
  CHECK_THROWS_AS(cross_entropy(x, labels({0, -1})), ValueError);
  CHECK_THROWS_AS(cross_entropy(x, labels({0})), ShapeError);
  CHECK_THROWS_AS(cross_entropy(x, Tensor::zeros(Shape{2})), ValueError);
  CHECK_THROWS_AS(cross_entropy(x, labels({0, 1}), 1.0), ValueError);
  CHECK_THROWS_AS(cross_entropy(Tensor::zeros(Shape{3}), labels({0})), ShapeError);
  CHECK_THROWS_AS(distillation_loss(x, Tensor::zeros(Shape{2, 4}), 1.0), ShapeError);
  CHECK_THROWS_AS(distillation_loss(x, x, 0.0), ValueError);
  CHECK_THROWS_AS(softmax(Tensor::scalar(1.0)), ShapeError);
}

TEST_CASE("dropout and drop_path: scaled survivors, one draw an element or a sample", "[ops][dropout]") {
  const Tensor x = Tensor::full(Shape{64, 50}, 1.0).set_requires_grad(true);
  Rng rng(1);
  const Tensor y = dropout(x, 0.25, rng);
  CHECK(rng.position() == 64 * 50);
  const std::vector<double> v = y.to_vector();
  const double kept = std::accumulate(v.begin(), v.end(), 0.0) * 0.75;
  for (const double e : v) CHECK((e == 0.0 || e == Approx(4.0 / 3).epsilon(1e-6)));
  CHECK(std::fabs(kept - 2400) < 5 * std::sqrt(3200 * 0.25 * 0.75));  // five standard deviations
  backward(y, Tensor::full(Shape{64, 50}, 1.0));
  CHECK(x.grad().to_vector() == v);

  Rng per_sample(2);
  const Tensor z = drop_path(x.detach(), 0.5, per_sample);
  CHECK(per_sample.position() == 64);
  int dropped = 0;
  for (std::int64_t n = 0; n < 64; ++n) {
    const std::vector<double> row = slice(z, 0, n, n + 1).to_vector();
    CHECK(row == std::vector<double>(50, row[0]));
    CHECK((row[0] == 0.0 || row[0] == 2.0));
    dropped += row[0] == 0.0;
  }
  CHECK((dropped > 10 && dropped < 54));

  Rng untouched(3);
  CHECK(dropout(x, 0.0, untouched).same_as(x));
  CHECK(untouched.position() == 0);
  CHECK_THROWS_WITH(dropout(x, 1.0, rng), ContainsSubstring("[dropout] expected p in [0, 1)"));
  CHECK_THROWS_AS(drop_path(x, -0.1, rng), ValueError);
  gradcheck(
      [](const std::vector<Tensor>& t) {
        Rng r(4);
        return dropout(t[0], 0.5, r);
      },
      {random(Shape{4, 5}, 5)});
  gradcheck(
      [](const std::vector<Tensor>& t) {
        Rng r(4);
        return drop_path(t[0], 0.5, r);
      },
      {random(Shape{6, 2, 2}, 6)});
}
