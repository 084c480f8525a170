#include "ops/op_util.hpp"

#include "tern/error.hpp"

namespace tern::ops {
namespace {

std::string message(std::string_view op, const std::string& expected, const std::string& got) {
  return "[" + std::string(op) + "] expected " + expected + "; got " + got;
}

}  // namespace

void throw_shape(std::string_view op, const std::string& expected, const std::string& got) {
  throw ShapeError(message(op, expected, got));
}

void throw_value(std::string_view op, const std::string& expected, const std::string& got) {
  throw ValueError(message(op, expected, got));
}

void check_floating(std::string_view op, const Tensor& x) {
  if (!x.defined()) throw_value(op, "a defined tensor", "an undefined one");
  if (x.dtype() == DType::kI64) throw_not_floating(x.dtype(), op);
}

void check_same_dtype(std::string_view op, const Tensor& a, const Tensor& b) {
  check_floating(op, a);
  check_floating(op, b);
  if (a.dtype() != b.dtype()) {
    throw_value(op, "tensors of one dtype",
                std::string(name_of(a.dtype())) + " and " + std::string(name_of(b.dtype())));
  }
}

void check_rank(std::string_view op, std::string_view what, const Tensor& x, int rank) {
  if (x.shape().rank() != rank)
    throw_shape(op, std::string(what) + " of rank " + std::to_string(rank), x.shape().str());
}

void check_shape(std::string_view op, std::string_view what, const Tensor& x, const Shape& shape) {
  if (!(x.shape() == shape)) throw_shape(op, std::string(what) + " of shape " + shape.str(), x.shape().str());
}

int checked_dim(std::string_view op, const Tensor& x, int dim) {
  const int rank = x.shape().rank();
  if (dim < -rank || dim >= rank) {
    throw_shape(op, "a dimension of " + x.shape().str(), std::to_string(dim));
  }
  return dim < 0 ? dim + rank : dim;
}

Tensor reuse_or_empty(const Tensor& dy) {
  return dy.owns_storage_alone() && dy.is_contiguous() ? dy : Tensor::empty(dy.shape(), dy.dtype());
}

}  // namespace tern::ops
