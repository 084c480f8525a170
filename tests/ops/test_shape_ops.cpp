#include "gradcheck.hpp"
#include "tern/error.hpp"

using namespace tern;
using tern::testing::gradcheck;
using tern::testing::random;

namespace {

// 0, 1, 2, ...: values that name their place.
Tensor counting(const Shape& shape) {
  std::vector<double> v(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<double>(i);
  return Tensor::from(v, shape);
}

}  // namespace

TEST_CASE("reshape, flatten, permute, transpose", "[ops][shape]") {
  const Tensor x = counting(Shape{2, 3, 4});
  CHECK(reshape(x, Shape{4, 6}).to_vector() == x.to_vector());
  CHECK(flatten(x).shape() == Shape{2, 12});
  CHECK(flatten(Tensor::zeros(Shape{0, 3, 2})).shape() == Shape{0, 6});
  const Tensor p = permute(x, {2, 0, 1});
  CHECK(p.shape() == Shape{4, 2, 3});
  CHECK(p.to_vector()[1 * 6 + 1 * 3 + 2] == 1 * 12 + 2 * 4 + 1);
  CHECK(transpose(counting(Shape{2, 3})).to_vector() == std::vector<double>{0, 3, 1, 4, 2, 5});
  gradcheck(
      [](const std::vector<Tensor>& v) {
        return mul(reshape(v[0], Shape{4, 6}), reshape(v[0], Shape{4, 6}));
      },
      {random(Shape{2, 3, 4}, 1)});
  gradcheck(
      [](const std::vector<Tensor>& v) {
        return flatten(permute(v[0], {2, -3, 1}));
      },
      {random(Shape{2, 3, 4}, 2)});
  gradcheck([](const std::vector<Tensor>& v) { return exp(transpose(v[0])); }, {random(Shape{2, 3}, 3)});
}

TEST_CASE("slice, concat, pad", "[ops][shape]") {
  const Tensor x = counting(Shape{3, 4});
  CHECK(slice(x, 1, 1, 4, 2).to_vector() == std::vector<double>{1, 3, 5, 7, 9, 11});
  CHECK(slice(x, -2, 1, 2).to_vector() == std::vector<double>{4, 5, 6, 7});
  CHECK(slice(x, 0, 3, 3).shape() == Shape{0, 4});
  CHECK(concat({slice(x, 1, 0, 1), slice(x, 1, 1, 4)}, 1).to_vector() == x.to_vector());
  CHECK(concat({x, counting(Shape{1, 4})}, 0).shape() == Shape{4, 4});
  CHECK(pad(counting(Shape{2, 2}), 1, 1, 2).to_vector() == std::vector<double>{0, 0, 1, 0, 0, 0, 2, 3, 0, 0});
  for (int d = 0; d < 3; ++d) {
    gradcheck([d](const std::vector<Tensor>& v) { return slice(v[0], d, 1, 3, d + 1); }, {random(Shape{4, 3, 5}, 4)});
    gradcheck([d](const std::vector<Tensor>& v) { return pad(v[0], d, 2, 1); }, {random(Shape{2, 3, 2}, 5)});
    gradcheck(
        [d](const std::vector<Tensor>& v) {
          return concat({v[0], v[1], v[0]}, d);
        },
        {random(Shape{2, 3, 2}, 6), random(Shape{2, 3, 2}, 7)});
  }
  gradcheck(
      [](const std::vector<Tensor>& v) {
        return concat({v[0], v[1]}, -2);
      },
      {random(Shape{2, 1, 3}, 8), random(Shape{2, 4, 3}, 9)});
}

TEST_CASE("shortcut_pad: every stride-th pixel between zero channels", "[ops][shape]") {
  const Tensor x = counting(Shape{1, 1, 3, 4});
  const Tensor y = shortcut_pad(x, 2, 1, 2);
  REQUIRE(y.shape() == Shape{1, 4, 2, 2});
  CHECK(y.to_vector() == std::vector<double>{0, 0, 0, 0, 0, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0});
  gradcheck([](const std::vector<Tensor>& v) { return shortcut_pad(v[0], 2, 1, 1); }, {random(Shape{2, 2, 5, 4}, 10)});
  gradcheck([](const std::vector<Tensor>& v) { return shortcut_pad(v[0], 1, 0, 2); }, {random(Shape{2, 2, 3, 3}, 11)});
}

TEST_CASE("shape operations: errors", "[ops][shape]") {
  const Tensor x = Tensor::zeros(Shape{2, 3});
  CHECK_THROWS_WITH(reshape(x, Shape{4}), ContainsSubstring("[reshape] expected a shape of 6 elements for 2x3; got 4"));
  CHECK_THROWS_AS(permute(x, {0}), ShapeError);
  CHECK_THROWS_AS(permute(x, {0, 0}), ValueError);
  CHECK_THROWS_AS(transpose(Tensor::zeros(Shape{2})), ShapeError);
  CHECK_THROWS_WITH(slice(x, 1, 2, 4), ContainsSubstring("[slice] expected 0 <= begin <= end <= 3; got 2 and 4"));
  CHECK_THROWS_AS(slice(x, 1, 0, 2, 0), ValueError);
  CHECK_THROWS_AS(concat({}, 0), ValueError);
  CHECK_THROWS_WITH(concat({x, Tensor::zeros(Shape{3, 3})}, 1), ContainsSubstring("2x3 and 3x3"));
  CHECK_THROWS_AS(pad(x, 0, -1, 0), ValueError);
  CHECK_THROWS_AS(shortcut_pad(x, 1, 0, 0), ShapeError);
}
