// What a Tensor handle points to. Internal: core and autograd include this, nobody else needs to.
#pragma once

#include <array>
#include <memory>

#include "core/buffer.hpp"
#include "tern/tensor.hpp"

namespace tern {

/// What autograd attaches to a tensor that an operation made: its place in the recorded graph.
struct GradNode {
  virtual ~GradNode() = default;
};

struct Tensor::Impl : std::enable_shared_from_this<Tensor::Impl> {
  Shape shape;
  std::array<std::int64_t, Shape::kMaxRank> strides{};
  std::int64_t offset = 0;  // in elements
  DType dtype = DType::kF32;
  std::shared_ptr<Buffer> buffer;

  bool requires_grad = false;
  Tensor grad;
  std::shared_ptr<GradNode> node;  // null for leaves
};

}  // namespace tern
