// A checked model: every node with its operands found, its numbers read and its shape inferred. Nothing that reads it
// has to check anything again.
#pragma once

#include <memory>
#include <vector>

#include "infer/ops/multiply.hpp"
#include "infer/ops/op.hpp"
#include "tern/packed.hpp"

namespace tern::infer {

struct Node {
  const GraphNode* graph = nullptr;
  const Meaning* op = nullptr;
  std::vector<std::size_t> inputs;  ///< earlier nodes; none: the image
  ValueType type;
  std::unique_ptr<const Operation> operation;

  bool is_image() const { return inputs.empty(); }
  /// Multiply-accumulates, zero weights counted.
  i64 macs() const { return operation->multiply() ? operation->multiply()->shape.macs() : 0; }
};

/// Errors: FormatError naming the node. The result points into `model`.
std::vector<Node> check_model(const packed::Model& model);

/// Operations that the plain definitions take for one image: numbers read and written, products, comparisons. What the
/// faster ways take is of the same order or less.
/// Errors: FormatError naming the node that takes most of them if there are more than `most`.
void expect_work(const std::vector<Node>& nodes, double most);

}  // namespace tern::infer
