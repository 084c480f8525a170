// What an operation of a packed graph means. Each is a row of ops.def and a definition in the row's file: how a node is
// read and checked, the shape of its result, and the plain loops that define it. Whatever else the runtime knows of an
// operation it asks here: no planner and no step compares names.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "infer/ops/lane.hpp"
#include "infer/ops/value.hpp"
#include "kernels/conv_shape.hpp"
#include "kernels/packed/planes/channels.hpp"

namespace tern::infer {

class Multiply;
class NodeReader;

/// The end of a fused step: code = lo + #{j : x >= thresholds[j]}.
struct Thresholds {
  std::span<const float> values;  ///< ascending
  int lo = 0;
};

/// How an operation on codes runs on planes of bits, in either plane layout.
struct PlanePool {  ///< the maximum of each window
  kernels::PoolShape shape;
};
struct PlaneChannels {  ///< channels of the inputs in another order
  std::vector<kernels::planes::ChannelSource> order;
};
struct PlaneGate {};      ///< of codes 0..1: y or x, and of three inputs t ? y : y or x; y and x share positions
struct PlaneMajority {};  ///< of codes 0..1: 1 where more than half of a channel's pixels are
using PlaneForm = std::variant<std::monostate, PlanePool, PlaneChannels, PlaneGate, PlaneMajority>;

/// What one node computes, with its attributes and blobs read. The blobs are views into the model.
/// Thread safety: any; nothing changes after the node was read.
class Operation {
 public:
  virtual ~Operation() = default;

  /// The plain definition, for one image: all of `out` from `in`, one value for each input.
  virtual void run(std::span<const Dense> in, const Dense& out, Scratch& scratch) const = 0;
  /// What run() asks of its scratch. By default the first input that is codes, as floats.
  virtual ScratchSizes scratch(std::span<const ValueType* const> in, const ValueType& result) const;
  /// Products and comparisons of the plain definition, beside touching each number of the inputs and the result once.
  virtual double work(const ValueType& /*result*/) const { return 0; }

  // Faster ways to the same bits. Null or empty: there is none.

  /// A sum of products.
  virtual const Multiply* multiply() const { return nullptr; }
  /// The inputs added as floats, from left to right.
  virtual bool adds() const { return false; }
  /// Number by number.
  virtual const Lane* lane() const { return nullptr; }
  /// Floats to codes.
  virtual const Thresholds* thresholds() const { return nullptr; }
  /// The maximum of each window, of floats.
  virtual const kernels::PoolShape* float_windows() const { return nullptr; }
  virtual PlaneForm planes() const { return {}; }
  /// What the bytes of an image become: [channels][256].
  virtual std::vector<float> byte_table() const { return {}; }
};

/// What a row's file says.
struct Meaning {
  /// Reads a node. `result` comes as the type of the first input, with its codes only if `carries_codes` says so and
  /// all inputs have the same, and leaves as that of the node. Errors: FormatError naming the node.
  std::unique_ptr<const Operation> (*read)(const NodeReader& node, ValueType& result) = nullptr;
  /// Inputs of the same codes make a result of these codes.
  bool carries_codes = false;
  /// The result is the input's memory under another shape.
  bool aliases = false;
};

/// For Meaning::read: the operation's constructor reads.
template <class T>
std::unique_ptr<const Operation> read(const NodeReader& node, ValueType& result) {
  return std::make_unique<T>(node, result);
}

inline constexpr int kTwoOrMore = -1;

/// A row of ops.def.
struct PackedOp {
  std::string_view name;
  int inputs;  ///< or kTwoOrMore
  std::string_view fields;
  const Meaning& meaning;

  std::vector<std::string_view> keys() const;
  /// Without the dot.
  std::vector<std::string_view> blobs() const;
};
/// In the order of ops.def.
std::span<const PackedOp> packed_ops();
/// Null if there is none of this name.
const PackedOp* find_packed_op(std::string_view name);

#define TERN_PACKED_OP(name, ...) extern const Meaning name##_op;
#include "infer/ops/ops.def"
#undef TERN_PACKED_OP

}  // namespace tern::infer
