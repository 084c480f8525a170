#include "tern/tensor.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "core/tensor_impl.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

using Strides = std::array<std::int64_t, Shape::kMaxRank>;

Strides row_major(const Shape& shape) {
  Strides s{};
  std::int64_t step = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    s[static_cast<std::size_t>(i)] = step;
    step *= shape[i];
  }
  return s;
}

std::size_t byte_count(const Shape& shape, DType dtype) {
  const auto item = static_cast<std::int64_t>(size_of(dtype));
  if (shape.numel() > std::numeric_limits<std::int64_t>::max() / item) {
    throw ShapeError("[tensor] the size of " + shape.str() + " in bytes overflows 64 bits");
  }
  return static_cast<std::size_t>(shape.numel() * item);
}

// Calls f(i, offset, count, stride) for runs of elements in row-major order: element i + k lies at offset + k * stride
// from the tensor's first one. Dimensions that follow each other in memory are one run.
template <class F>
void for_each_run(const Tensor::Impl& t, F&& f) {
  const auto extents = t.shape.extents();
  std::int64_t count = 1, stride = 1;
  std::size_t outer = extents.size();
  if (outer > 0) {
    --outer;
    count = extents[outer];
    stride = t.strides[outer];
    while (outer > 0 && t.strides[outer - 1] == stride * count) count *= extents[--outer];
  }
  std::array<std::int64_t, Shape::kMaxRank> index{};
  std::int64_t offset = 0;
  for (std::int64_t i = 0; i < t.shape.numel(); i += count) {
    f(i, offset, count, stride);
    for (std::size_t k = outer; k-- > 0;) {
      offset += t.strides[k];
      if (++index[k] < extents[k]) break;
      offset -= t.strides[k] * extents[k];
      index[k] = 0;
    }
  }
}

template <class F>
decltype(auto) dispatch_all(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kF32:
      return f(float{});
    case DType::kF64:
      return f(double{});
    case DType::kI64:
      break;
  }
  return f(std::int64_t{});
}

Tensor::Impl& checked(const std::shared_ptr<Tensor::Impl>& impl) {
  if (!impl) throw ValueError("[tensor] expected a defined tensor; got an undefined one");
  return *impl;
}

}  // namespace

std::size_t size_of(DType dtype) { return dtype == DType::kF32 ? 4 : 8; }

std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "float32";
    case DType::kF64:
      return "float64";
    case DType::kI64:
      break;
  }
  return "int64";
}

void throw_not_floating(DType dtype, std::string_view op) {
  throw ValueError("[" + std::string(op) + "] expected a float32 or float64 tensor; got " +
                   std::string(name_of(dtype)));
}

Tensor Tensor::empty(const Shape& shape, DType dtype) {
  auto impl = std::make_shared<Impl>();
  impl->shape = shape;
  impl->strides = row_major(shape);
  impl->dtype = dtype;
  impl->buffer = Buffer::allocate(byte_count(shape, dtype));
  return Tensor(std::move(impl));
}

Tensor Tensor::zeros(const Shape& shape, DType dtype) {
  Tensor t = empty(shape, dtype);
  std::memset(t.impl_->buffer->data(), 0, byte_count(shape, dtype));
  return t;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype) {
  Tensor t = empty(shape, dtype);
  t.fill(value);
  return t;
}

template <class T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape) {
  if (static_cast<std::int64_t>(values.size()) != shape.numel()) {
    throw ShapeError("[tensor.from] expected " + std::to_string(shape.numel()) + " values for shape " + shape.str() +
                     "; got " + std::to_string(values.size()));
  }
  Tensor t = empty(shape, DTypeOf<T>::value);
  std::copy(values.begin(), values.end(), t.data<T>());
  return t;
}
template Tensor Tensor::from<float>(std::span<const float>, const Shape&);
template Tensor Tensor::from<double>(std::span<const double>, const Shape&);
template Tensor Tensor::from<std::int64_t>(std::span<const std::int64_t>, const Shape&);

const Shape& Tensor::shape() const& { return checked(impl_).shape; }
Shape Tensor::shape() && { return checked(impl_).shape; }

std::span<const std::int64_t> Tensor::strides() const& {
  const Impl& t = checked(impl_);
  return {t.strides.data(), static_cast<std::size_t>(t.shape.rank())};
}

DType Tensor::dtype() const { return checked(impl_).dtype; }

bool Tensor::is_contiguous() const {
  const Impl& t = checked(impl_);
  std::int64_t step = 1;
  for (int i = t.shape.rank() - 1; i >= 0; --i) {
    if (t.shape[i] != 1 && t.strides[static_cast<std::size_t>(i)] != step) return false;
    step *= t.shape[i];
  }
  return true;
}

template <class T>
T* Tensor::data() const {
  const Impl& t = checked(impl_);
  if (t.dtype != DTypeOf<T>::value) {
    throw ValueError("[tensor.data] expected " + std::string(name_of(DTypeOf<T>::value)) + "; the tensor is " +
                     std::string(name_of(t.dtype)));
  }
  return reinterpret_cast<T*>(t.buffer->data()) + t.offset;
}
template float* Tensor::data<float>() const;
template double* Tensor::data<double>() const;
template std::int64_t* Tensor::data<std::int64_t>() const;

template <class T>
std::span<T> Tensor::span() const {
  if (!is_contiguous())
    throw ValueError("[tensor.span] expected a contiguous tensor; got a strided view of " + shape().str());
  return {data<T>(), static_cast<std::size_t>(numel())};
}
template std::span<float> Tensor::span<float>() const;
template std::span<double> Tensor::span<double>() const;
template std::span<std::int64_t> Tensor::span<std::int64_t>() const;

double Tensor::item() const {
  if (numel() != 1) throw ShapeError("[tensor.item] expected one element; got " + shape().str());
  return to_vector()[0];
}

std::vector<double> Tensor::to_vector() const {
  const Impl& t = checked(impl_);
  std::vector<double> out(static_cast<std::size_t>(numel()));
  dispatch_all(t.dtype, [&](auto zero) {
    const auto* p = data<decltype(zero)>();
    for_each_run(t, [&](std::int64_t i, std::int64_t offset, std::int64_t count, std::int64_t stride) {
      for (std::int64_t k = 0; k < count; ++k)
        out[static_cast<std::size_t>(i + k)] = static_cast<double>(p[offset + k * stride]);
    });
  });
  return out;
}

Tensor Tensor::strided_view(const Shape& shape, std::span<const std::int64_t> strides, std::int64_t offset) const {
  const Impl& t = checked(impl_);
  if (static_cast<int>(strides.size()) != shape.rank()) {
    throw ShapeError("[strided_view] expected one stride a dimension of " + shape.str() + "; got " +
                     std::to_string(strides.size()));
  }
  auto impl = std::make_shared<Impl>();
  impl->shape = shape;
  std::copy(strides.begin(), strides.end(), impl->strides.begin());
  impl->offset = t.offset + offset;
  impl->dtype = t.dtype;
  impl->buffer = t.buffer;
  std::int64_t lowest = impl->offset, highest = impl->offset;
  for (int i = 0; i < shape.rank(); ++i) {
    const std::int64_t reach = (shape[i] - 1) * strides[static_cast<std::size_t>(i)];
    (reach < 0 ? lowest : highest) += reach;
  }
  const auto capacity = static_cast<std::int64_t>(t.buffer->bytes() / size_of(t.dtype));
  if (shape.numel() > 0 && (lowest < 0 || highest >= capacity)) {
    throw ShapeError("[strided_view] shape " + shape.str() + " reaches outside the storage of " + t.shape.str());
  }
  return Tensor(std::move(impl));
}

Tensor Tensor::view(const Shape& shape) const {
  if (shape.numel() != numel()) {
    throw ShapeError("[view] expected a shape of " + std::to_string(numel()) + " elements for " + this->shape().str() +
                     "; got " + shape.str());
  }
  const Tensor source = contiguous();
  auto impl = std::make_shared<Impl>();
  impl->shape = shape;
  impl->strides = row_major(shape);
  impl->offset = source.impl_->offset;
  impl->dtype = source.impl_->dtype;
  impl->buffer = source.impl_->buffer;
  return Tensor(std::move(impl));
}

Tensor Tensor::contiguous() const { return is_contiguous() ? *this : clone(); }

Tensor Tensor::clone() const {
  Tensor out = empty(shape(), dtype());
  out.copy_from(*this);
  return out;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == this->dtype()) return *this;
  const Impl& t = checked(impl_);
  Tensor out = empty(shape(), dtype);
  dispatch_all(t.dtype, [&](auto from) {
    dispatch_all(dtype, [&](auto to) {
      const auto* p = data<decltype(from)>();
      auto* q = out.data<decltype(to)>();
      for_each_run(t, [&](std::int64_t i, std::int64_t offset, std::int64_t count, std::int64_t stride) {
        for (std::int64_t k = 0; k < count; ++k) q[i + k] = static_cast<decltype(to)>(p[offset + k * stride]);
      });
    });
  });
  return out;
}

Tensor Tensor::detach() const {
  const Impl& t = checked(impl_);
  auto impl = std::make_shared<Impl>();
  impl->shape = t.shape;
  impl->strides = t.strides;
  impl->offset = t.offset;
  impl->dtype = t.dtype;
  impl->buffer = t.buffer;
  return Tensor(std::move(impl));
}

void Tensor::copy_from(const Tensor& source) const {
  const Impl& to = checked(impl_);
  const Impl& from = checked(source.impl_);
  if (!(to.shape == from.shape)) {
    throw ShapeError("[copy_from] expected shape " + to.shape.str() + "; got " + from.shape.str());
  }
  if (to.dtype != from.dtype) {
    throw ValueError("[copy_from] expected dtype " + std::string(name_of(to.dtype)) + "; got " +
                     std::string(name_of(from.dtype)));
  }
  dispatch_all(to.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* p = source.data<T>();
    T* q = data<T>();
    if (is_contiguous() && source.is_contiguous()) {
      std::memmove(q, p, byte_count(to.shape, to.dtype));
    } else if (is_contiguous()) {
      for_each_run(from, [&](std::int64_t i, std::int64_t offset, std::int64_t count, std::int64_t stride) {
        if (stride == 1)
          std::copy_n(p + offset, count, q + i);
        else
          for (std::int64_t k = 0; k < count; ++k) q[i + k] = p[offset + k * stride];
      });
    } else {
      const Tensor dense = source.contiguous();
      const T* d = dense.data<T>();
      for_each_run(to, [&](std::int64_t i, std::int64_t offset, std::int64_t count, std::int64_t stride) {
        if (stride == 1)
          std::copy_n(d + i, count, q + offset);
        else
          for (std::int64_t k = 0; k < count; ++k) q[offset + k * stride] = d[i + k];
      });
    }
  });
}

void Tensor::fill(double value) const {
  const Impl& t = checked(impl_);
  dispatch_all(t.dtype, [&](auto zero) {
    using T = decltype(zero);
    T* p = data<T>();
    const T filling = static_cast<T>(value);
    for_each_run(t, [&](std::int64_t, std::int64_t offset, std::int64_t count, std::int64_t stride) {
      if (stride == 1)
        std::fill_n(p + offset, count, filling);
      else
        for (std::int64_t k = 0; k < count; ++k) p[offset + k * stride] = filling;
    });
  });
}

Tensor& Tensor::set_requires_grad(bool on) {
  Impl& t = checked(impl_);
  if (on && t.dtype == DType::kI64) throw ValueError("[set_requires_grad] expected a floating tensor; got int64");
  if (t.node) throw ValueError("[set_requires_grad] expected a leaf; this tensor is the result of an operation");
  t.requires_grad = on;
  return *this;
}

bool Tensor::requires_grad() const { return impl_ && (impl_->requires_grad || impl_->node); }
Tensor Tensor::grad() const { return checked(impl_).grad; }
void Tensor::set_grad(const Tensor& grad) const { checked(impl_).grad = grad; }
void Tensor::zero_grad() const { checked(impl_).grad = Tensor(); }
bool Tensor::owns_storage_alone() const { return impl_ && impl_.use_count() == 1 && impl_->buffer.use_count() == 1; }

}  // namespace tern
