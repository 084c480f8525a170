#include <cmath>
#include <limits>
#include <map>

#include "gradcheck.hpp"
#include "tern/error.hpp"

using namespace tern;
using tern::testing::gradcheck;
using tern::testing::random;

namespace {

// Sums into a map keyed by the kept part of the index.
std::vector<double> sum_by_definition(const Tensor& x, const std::vector<int>& dims) {
  std::map<std::vector<std::int64_t>, double> sums;
  const std::vector<double> v = x.to_vector();
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    std::vector<std::int64_t> key(static_cast<std::size_t>(x.shape().rank()));
    std::int64_t rest = i;
    for (int d = x.shape().rank() - 1; d >= 0; --d) {
      key[static_cast<std::size_t>(d)] = rest % x.size(d);
      rest /= x.size(d);
    }
    for (const int d : dims) key[static_cast<std::size_t>(d < 0 ? d + x.shape().rank() : d)] = 0;
    sums[key] += v[static_cast<std::size_t>(i)];
  }
  std::vector<double> out;
  for (const auto& [key, total] : sums) out.push_back(total);
  return out;
}

}  // namespace

TEST_CASE("sum and mean over any dimensions", "[ops][reduce]") {
  const std::vector<std::vector<int>> choices = {{0},    {1},       {2},    {-1},   {0, 1}, {0, 2},
                                                 {1, 2}, {0, 1, 2}, {2, 0}, {0, 3}, {1, 3}, {0, 2, 3}};
  for (const std::vector<int>& dims : choices) {
    const Tensor x = random(Shape{3, 2, 4, 3}, 1);
    INFO("dims " << dims[0] << (dims.size() > 1 ? "..." : ""));
    const std::vector<double> expected = sum_by_definition(x, dims), got = sum(x, dims).to_vector(),
                              average = mean(x, dims).to_vector();
    REQUIRE(got.size() == expected.size());
    const double count = static_cast<double>(x.numel()) / static_cast<double>(expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK(got[i] == Approx(expected[i]).epsilon(1e-13).margin(1e-13));
      CHECK(average[i] == Approx(expected[i] / count).epsilon(1e-13).margin(1e-13));
    }
    gradcheck([&](const std::vector<Tensor>& v) { return sum(v[0], dims); }, {x});
    gradcheck([&](const std::vector<Tensor>& v) { return mean(v[0], dims, true); }, {x});
  }
  const Tensor x = random(Shape{3, 2, 4}, 2);
  CHECK(sum(x).shape() == Shape{});
  CHECK(sum(x, {1}, true).shape() == Shape{3, 1, 4});
  CHECK(sum(x, {0, 2}).shape() == Shape{2});
  CHECK(sum(x).item() == Approx(sum_by_definition(x, {0, 1, 2})[0]).epsilon(1e-13));
  CHECK(sum(Tensor::scalar(3.0)).item() == 3.0);
  CHECK(sum(Tensor::zeros(Shape{0, 3}), {0}).to_vector() == std::vector<double>{0, 0, 0});
  CHECK(sum(Tensor::zeros(Shape{0})).item() == 0.0);
}

TEST_CASE("sum: large shapes, cut into pieces", "[ops][reduce]") {
  const std::vector<std::pair<Shape, std::vector<int>>> large = {{Shape{300'001}, {0}},
                                                                 {Shape{70'000, 3}, {0}},
                                                                 {Shape{3, 70'000}, {1}},
                                                                 {Shape{40, 3, 900}, {0, 2}},
                                                                 {Shape{20, 5000}, {0}}};
  for (const auto& [shape, dims] : large) {
    INFO(shape.str());
    const Tensor x = random(shape, 3);
    const std::vector<double> expected = sum_by_definition(x, dims), got = sum(x, dims).to_vector(),
                              single = sum(x.to(DType::kF32), dims).to_vector();
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK(std::fabs(got[i] - expected[i]) < 1e-9);
      // Added in double, so only the rounding of inputs (random, 1e-7 each) and of the result shows.
      CHECK(std::fabs(single[i] - expected[i]) <
            1e-7 * 4 * std::sqrt(static_cast<double>(x.numel())) + 1e-6 * std::fabs(expected[i]));
    }
  }
}

TEST_CASE("max along a dimension: ties go to the lowest index, NaN is seen", "[ops][reduce]") {
  const Tensor x = random(Shape{3, 4, 5}, 4);
  for (int d = 0; d < 3; ++d) {
    gradcheck([d](const std::vector<Tensor>& v) { return max(v[0], d); }, {x});
    gradcheck([d](const std::vector<Tensor>& v) { return max(v[0], d - 3, true); }, {x});
  }
  CHECK(max(x, 1).shape() == Shape{3, 5});
  CHECK(max(x, 1, true).shape() == Shape{3, 1, 5});
  const Tensor tie = Tensor::from(std::vector<double>{1, 7, 7, 2, 2, 2}, Shape{2, 3}).set_requires_grad(true);
  const Tensor y = max(tie, 1);
  CHECK(y.to_vector() == std::vector<double>{7, 2});
  backward(y, Tensor::full(Shape{2}, 1.0, DType::kF64));
  CHECK(tie.grad().to_vector() == std::vector<double>{0, 1, 0, 1, 0, 0});
  CHECK(std::isnan(max(Tensor::from(std::vector<double>{3, std::nan(""), 9}, Shape{3}), 0).item()));
}

TEST_CASE("reductions: errors", "[ops][reduce]") {
  const Tensor x = Tensor::zeros(Shape{2, 3});
  CHECK_THROWS_WITH(sum(x, {2}), ContainsSubstring("[sum] expected a dimension of 2x3; got 2"));
  CHECK_THROWS_AS(mean(x, {0, -2}), ValueError);
  CHECK_THROWS_AS(max(x, 5), ShapeError);
  CHECK_THROWS_AS(max(Tensor::zeros(Shape{2, 0}), 1), ShapeError);
  CHECK_THROWS_AS(sum(Tensor::zeros(Shape{2}, DType::kI64)), ValueError);
}
