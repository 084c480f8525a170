// What an operation becomes in ONNX: nodes that compute its result from its inputs. Each is a row of
// src/infer/ops/ops.def and a definition in src/export/onnx/ops, in a file of the same name as there.
//
// Every value is one tensor of floats [batch C H W] or [batch K]. Codes are in it as whole numbers in the exact form,
// as the reals that they stand for in the others.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "export/onnx/message.hpp"
#include "infer/ops/node.hpp"
#include "infer/ops/node_reader.hpp"
#include "tern/export.hpp"

namespace tern::onnx {

/// What an operation's emitter sees and adds to. Names of what it adds begin with the node's name and '/', which no
/// name of a packed node has.
struct Body {
  const infer::Node& node;
  const infer::NodeReader& read;
  const std::vector<std::string>& in;  ///< names of the inputs' tensors
  OnnxForm form;
  Graph& graph;
  std::set<std::string>& names;  ///< of nodes and constants, all that were added

  bool exact() const { return form == OnnxForm::kExact; }
  /// What the step from one code to the next is in a tensor.
  float unit(const infer::ValueType& type) const { return exact() ? 1.0f : type.step; }

  /// A node; its result's name.
  std::string add(const std::string& op, std::vector<std::string> inputs, Attributes attributes = {}) const;
  /// A constant; its name. Of the same `what` there may be several.
  template <class T>
  std::string constant(const std::string& what, Dims dims, const std::vector<T>& values) const {
    return initializer(what, Tensor::of(std::move(dims), std::span<const T>(values)));
  }
  std::string initializer(const std::string& what, Tensor tensor) const;
  std::string scalar(const std::string& what, float value) const { return constant<float>(what, {}, {value}); }
  /// One number for each channel of `type`, broadcast over its pixels.
  template <class T>
  std::string of_channel(const std::string& what, const infer::ValueType& type, const std::vector<T>& values) const {
    const auto n = static_cast<i64>(values.size());
    return constant(what, type.shape.rank() == 3 ? Dims{n, 1, 1} : Dims{n}, values);
  }
  std::string cast(const std::string& x, Type to) const { return add("Cast", {x}, {{"to", static_cast<i64>(to)}}); }
  std::string reshape(const std::string& x, const Dims& dims) const {
    return add("Reshape", {x, constant("shape", {static_cast<i64>(dims.size())}, dims)});
  }
  /// Input `i` as real numbers.
  std::string real(std::size_t i = 0) const;
  /// [batch dims...] of zeros.
  std::string zeros(Dims dims) const;
  /// An image with `value` around it.
  std::string padded(const std::string& x, i64 top, i64 left, i64 bottom, i64 right, float value) const;
  /// Pixels [from, to) of an image, every stride-th.
  std::string cut(const std::string& x, i64 top, i64 left, i64 bottom, i64 right, i64 stride) const;
  /// Refuses the node if whole numbers up to `most` are too large for floats.
  void expect_exact(i64 most) const;

 private:
  std::string unused(const std::string& what) const;
};

/// Returns the name of the result.
using Emitter = std::string (*)(const Body&);

#define TERN_PACKED_OP(name, ...) extern const Emitter name##_onnx;
#include "infer/ops/ops.def"
#undef TERN_PACKED_OP

/// Of the operation.
Emitter emitter_of(const infer::Node& node);

}  // namespace tern::onnx
