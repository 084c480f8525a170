// Tensor: a value-semantic handle on strided data. Copying a Tensor copies the handle; clone() copies the data.
//
// Three layers, each a small struct: Buffer (aligned bytes, from a recycling pool), Tensor::Impl (shape, strides,
// offset, dtype, and what autograd hangs on it), Tensor (a shared pointer to that). Differentiable operations are free
// functions (tern/ops.hpp); the member functions here never record anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tern/public.h"
#include "tern/shape.hpp"

namespace tern {

/// float32 trains; float64 checks gradients; int64 holds labels and indices.
enum class DType : std::uint8_t { kF32, kF64, kI64 };
TERN_PUBLIC std::size_t size_of(DType dtype);
TERN_PUBLIC std::string_view name_of(DType dtype);

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kF32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::kF64;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::kI64;
};

/// Bytes held by live tensors now and at most since the last reset. Recycled buffers waiting in the pool do not count.
struct TERN_PUBLIC MemoryStats {
  std::int64_t live_bytes = 0;
  std::int64_t peak_bytes = 0;
};
TERN_PUBLIC MemoryStats memory_stats();
TERN_PUBLIC void reset_peak_memory();
/// Gives the pool's idle buffers back to the system.
TERN_PUBLIC void trim_memory_pool();

class TERN_PUBLIC Tensor {
 public:
  struct Impl;

  /// An undefined tensor; only defined() may be asked.
  Tensor() = default;

  /// Uninitialised memory. Errors: ShapeError if the byte count overflows.
  static Tensor empty(const Shape& shape, DType dtype = DType::kF32);
  static Tensor zeros(const Shape& shape, DType dtype = DType::kF32);
  static Tensor full(const Shape& shape, double value, DType dtype = DType::kF32);
  static Tensor scalar(double value, DType dtype = DType::kF32) { return full(Shape{}, value, dtype); }
  /// Copies `values`. Errors: ShapeError if their number is not shape.numel().
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape);
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape) {
    return from(std::span<const T>(values), shape);
  }

  bool defined() const { return impl_ != nullptr; }
  const Shape& shape() const&;
  Shape shape() &&;
  /// In elements. A view into this tensor.
  std::span<const std::int64_t> strides() const&;
  std::span<const std::int64_t> strides() const&& = delete;
  DType dtype() const;
  std::int64_t numel() const { return shape().numel(); }
  std::int64_t size(int dim) const { return shape()[dim]; }
  bool is_contiguous() const;

  /// First element. The tensor must be contiguous for data[i] to mean element i.
  /// Errors: ValueError if T does not match the dtype.
  template <class T>
  T* data() const;
  /// All elements of a contiguous tensor. Errors: ValueError if strided or T does not match.
  template <class T>
  std::span<T> span() const;
  /// The value of a one-element tensor. Errors: ShapeError if there are more.
  double item() const;
  /// Elements in row-major order as doubles, whatever dtype and strides: for tests, messages and files.
  std::vector<double> to_vector() const;

  /// Same storage seen with other extents and strides (in elements); `offset` counts from this tensor's first element.
  /// Errors: ShapeError if an element would fall outside the storage.
  Tensor strided_view(const Shape& shape, std::span<const std::int64_t> strides, std::int64_t offset = 0) const;
  /// Same elements, other shape; shares storage if contiguous, else copies. Errors: ShapeError if numel differs.
  Tensor view(const Shape& shape) const;
  /// Itself if already contiguous, else a copy in row-major order.
  Tensor contiguous() const;
  Tensor clone() const;
  Tensor to(DType dtype) const;
  /// Same storage, no history, no gradient.
  Tensor detach() const;
  /// Elementwise copy into this tensor. Errors: ShapeError, ValueError if shape or dtype differ.
  void copy_from(const Tensor& source) const;
  void fill(double value) const;

  /// Marks a leaf (a parameter) for backward() to fill grad(). Errors: ValueError on integers and on non-leaves.
  Tensor& set_requires_grad(bool on);
  bool requires_grad() const;
  /// Undefined until backward() has reached the tensor.
  Tensor grad() const;
  void set_grad(const Tensor& grad) const;
  void zero_grad() const;

  /// True if both handles name the same tensor object (not merely equal values).
  bool same_as(const Tensor& other) const { return impl_ == other.impl_; }
  /// True if no other tensor shares the storage, so that writing in place is invisible to others.
  bool owns_storage_alone() const;
  Impl* impl() const { return impl_.get(); }

 private:
  explicit Tensor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

/// A tensor that training changes (a leaf that requires a gradient) or that a checkpoint must hold.
struct TERN_PUBLIC NamedTensor {
  std::string name;
  Tensor value;
};

/// Calls f with a value-initialised T for the floating dtype: dispatch(dtype, "op", [&](auto t) { using T =
/// decltype(t); }). Errors: ValueError for integers.
[[noreturn]] TERN_PUBLIC void throw_not_floating(DType dtype, std::string_view op);
template <class F>
decltype(auto) dispatch(DType dtype, std::string_view op, F&& f) {
  switch (dtype) {
    case DType::kF32:
      return f(float{});
    case DType::kF64:
      return f(double{});
    default:
      throw_not_floating(dtype, op);
  }
}

}  // namespace tern
