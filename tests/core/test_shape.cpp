#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "tern/error.hpp"
#include "tern/graph.hpp"
#include "tern/tensor.hpp"

using tern::Shape;

// A view into a temporary does not compile; a list of a temporary comes by value.
template <class T>
concept GivesExtents = requires {
  std::declval<T>().extents();
};
static_assert(GivesExtents<const Shape&> && !GivesExtents<Shape> && !GivesExtents<const Shape>);
static_assert(std::is_same_v<decltype(std::declval<tern::Tensor>().shape()), Shape>);
static_assert(std::is_same_v<decltype(std::declval<tern::Graph>().nodes()), std::vector<tern::GraphNode>>);

TEST_CASE("shape: extents, negative indices, text", "[core]") {
  const Shape s{2, 3, 28, 28};
  CHECK(s.rank() == 4);
  CHECK(s.numel() == 2 * 3 * 28 * 28);
  CHECK(s[-1] == 28);
  CHECK(s[1] == 3);
  CHECK(s.str() == "2x3x28x28");
  CHECK(Shape::parse("2x3x28x28") == s);
  CHECK(Shape{}.numel() == 1);
  CHECK(Shape::parse(Shape{}.str()) == Shape{});
  CHECK(s.with(0, 7) == Shape{7, 3, 28, 28});
  CHECK_FALSE(s == Shape{2, 3, 28});
}

TEST_CASE("shape: refuses what cannot be a shape", "[core]") {
  CHECK_THROWS_AS(Shape({-1}), tern::ShapeError);
  CHECK_THROWS_AS(Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}), tern::ShapeError);
  CHECK_THROWS_AS(Shape({std::int64_t{1} << 40, std::int64_t{1} << 40}), tern::ShapeError);
  CHECK_THROWS_AS((Shape{1, 2})[2], tern::ShapeError);
  for (const char* bad : {"", "x", "1x", "x1", "1xx2", "-1", "1 x2", "1x2x", "99999999999999999999"}) {
    INFO(bad);
    CHECK_THROWS_AS(Shape::parse(bad), tern::ValueError);
  }
}
