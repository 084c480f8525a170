#include "catch.hpp"
#include "tern/error.hpp"
#include "tern/tensor.hpp"

using tern::DType;
using tern::Shape;
using tern::Tensor;

TEST_CASE("tensor: handles share, clones do not", "[core]") {
  const Tensor a = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, Shape{2, 3});
  const Tensor b = a;
  const Tensor c = a.clone();
  b.data<float>()[0] = 9;
  CHECK(a.to_vector()[0] == 9);
  CHECK(c.to_vector()[0] == 1);
  CHECK(a.same_as(b));
  CHECK_FALSE(a.same_as(c));
  CHECK(reinterpret_cast<std::uintptr_t>(a.data<float>()) % 64 == 0);
}

TEST_CASE("tensor: strided views", "[core]") {
  const Tensor a = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, Shape{2, 3});
  const std::vector<std::int64_t> transposed{1, 3};
  const Tensor t = a.strided_view(Shape{3, 2}, transposed);
  CHECK_FALSE(t.is_contiguous());
  CHECK(t.to_vector() == std::vector<double>{1, 4, 2, 5, 3, 6});
  CHECK(t.contiguous().to_vector() == t.to_vector());
  CHECK(t.view(Shape{6}).to_vector() == t.to_vector());
  CHECK_THROWS_AS(t.span<float>(), tern::ValueError);
  t.copy_from(Tensor::from(std::vector<float>{10, 40, 20, 50, 30, 60}, Shape{3, 2}));
  CHECK(a.to_vector() == std::vector<double>{10, 20, 30, 40, 50, 60});
  CHECK(a.strided_view(Shape{2}, std::vector<std::int64_t>{1}, 4).to_vector() == std::vector<double>{50, 60});
  CHECK_THROWS_AS(a.strided_view(Shape{1000}, std::vector<std::int64_t>{1}), tern::ShapeError);
  CHECK_THROWS_AS(a.strided_view(Shape{2}, std::vector<std::int64_t>{-1}), tern::ShapeError);
  // The pool gives 64 bytes for six numbers, but they are not the tensor's.
  CHECK_THROWS_AS(a.strided_view(Shape{7}, std::vector<std::int64_t>{1}), tern::ShapeError);
  CHECK_THROWS_AS(Tensor::zeros(Shape{3}).strided_view(Shape{16}, std::vector<std::int64_t>{1}), tern::ShapeError);
}

TEST_CASE("tensor: dtypes and misuse", "[core]") {
  const Tensor a = Tensor::full(Shape{2}, 1.5);
  CHECK(a.to(DType::kF64).dtype() == DType::kF64);
  CHECK(a.to(DType::kI64).to_vector() == std::vector<double>{1, 1});
  CHECK_THROWS_AS(a.data<double>(), tern::ValueError);
  CHECK_THROWS_AS(a.view(Shape{3}), tern::ShapeError);
  CHECK_THROWS_AS(a.item(), tern::ShapeError);
  CHECK_THROWS_AS(Tensor().shape(), tern::ValueError);
  CHECK_THROWS_AS(Tensor::from(std::vector<float>{1}, Shape{2}), tern::ShapeError);
  CHECK_THROWS_AS(Tensor::zeros(Shape{2}, DType::kI64).set_requires_grad(true), tern::ValueError);
  CHECK(Tensor::zeros(Shape{0, 3}).to_vector().empty());
}

TEST_CASE("tensor: buffers are recycled and counted", "[core]") {
  const std::int64_t before = tern::memory_stats().live_bytes;
  float* first = nullptr;
  {
    const Tensor a = Tensor::empty(Shape{12345});
    first = a.data<float>();
    CHECK(tern::memory_stats().live_bytes >= before + 12345 * 4);
  }
  CHECK(tern::memory_stats().live_bytes == before);
  CHECK(Tensor::empty(Shape{12345}).data<float>() == first);
}
