#include "tern/error.hpp"
#include "tern/packed.hpp"

namespace tern::packed {
namespace {

void expect_count(std::size_t count, const Shape& shape) {
  if (static_cast<std::int64_t>(count) != shape.numel()) {
    throw ShapeError("[packed.blob] expected " + std::to_string(shape.numel()) + " values for shape " + shape.str() +
                     "; got " + std::to_string(count));
  }
}

}  // namespace

std::string_view name_of(Blob::Kind kind) {
  switch (kind) {
    case Blob::Kind::kF32:
      return "f32";
    case Blob::Kind::kI32:
      return "i32";
    case Blob::Kind::kCodes:
      break;
  }
  return "codes";
}

Blob Blob::of_floats(const Shape& shape, std::vector<float> values) {
  expect_count(values.size(), shape);
  Blob b{Kind::kF32, shape, {}, {}, {}};
  b.f32 = std::move(values);
  return b;
}

Blob Blob::of_ints(const Shape& shape, std::vector<std::int32_t> values) {
  expect_count(values.size(), shape);
  Blob b{Kind::kI32, shape, {}, {}, {}};
  b.i32 = std::move(values);
  return b;
}

Blob Blob::of_codes(const Shape& shape, std::vector<std::int8_t> values) {
  expect_count(values.size(), shape);
  Blob b{Kind::kCodes, shape, {}, {}, {}};
  b.codes = std::move(values);
  return b;
}

}  // namespace tern::packed
