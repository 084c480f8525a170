// What the operations share: argument checks with one wording, bytes saved for backward, reuse of a gradient's storage.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tern/tensor.hpp"

namespace tern::ops {

/// Elements a parallel chunk of a memory-bound loop takes.
inline constexpr std::int64_t kGrain = std::int64_t{1} << 15;

/// Windows, their steps and borders, and channels that are added, may not go beyond this, so that what is computed from
/// a few of them fits 64 bits.
inline constexpr std::int64_t kMaxAttribute = std::int64_t{1} << 24;

[[noreturn]] void throw_shape(std::string_view op, const std::string& expected, const std::string& got);
[[noreturn]] void throw_value(std::string_view op, const std::string& expected, const std::string& got);

/// Errors: ValueError if x is undefined or not floating.
void check_floating(std::string_view op, const Tensor& x);
/// Errors: as check_floating, and ValueError if the dtypes differ.
void check_same_dtype(std::string_view op, const Tensor& a, const Tensor& b);
/// Errors: ShapeError. `what` names the argument in the message.
void check_rank(std::string_view op, std::string_view what, const Tensor& x, int rank);
void check_shape(std::string_view op, std::string_view what, const Tensor& x, const Shape& shape);
/// A dimension index with negative ones counted from the back. Errors: ShapeError.
int checked_dim(std::string_view op, const Tensor& x, int dim);

/// The gradient's own storage if nobody else sees it and it is contiguous, else a new tensor of its shape: where an
/// elementwise backward writes its result. To be asked first: dy.contiguous() is somebody else who sees it.
Tensor reuse_or_empty(const Tensor& dy);

/// `count` bytes of recycled memory, for masks and small indices that only backward reads.
class SavedBytes {
 public:
  SavedBytes() = default;
  explicit SavedBytes(std::int64_t count) : words_(Tensor::empty(Shape{(count + 7) / 8}, DType::kI64)) {}
  unsigned char* data() const { return reinterpret_cast<unsigned char*>(words_.data<std::int64_t>()); }

 private:
  Tensor words_;
};

}  // namespace tern::ops
