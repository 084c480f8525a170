// An ONNX model as plain data, and its bytes. Names and numbers of fields are those of onnx.proto.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tern::onnx {

using i64 = std::int64_t;
using Dims = std::vector<i64>;

/// TensorProto.DataType.
enum class Type : std::int32_t { kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7, kInt2 = 26 };

struct Tensor {
  Type type = Type::kFloat;
  Dims dims;          ///< none: a scalar
  std::string bytes;  ///< little-endian, row-major

  static Tensor of(Dims dims, std::span<const float> values);
  static Tensor of(Dims dims, std::span<const std::int32_t> values);
  static Tensor of(Dims dims, std::span<const i64> values);
  static Tensor of(Dims dims, std::span<const std::int8_t> values);
  static Tensor of(Dims dims, std::span<const std::uint8_t> values);
  /// Of values -2..1, four in a byte, the first in its lowest bits.
  static Tensor of_two_bits(Dims dims, std::span<const std::int8_t> values);
};

struct Graph;
using Attribute = std::variant<i64, std::string, Dims, std::shared_ptr<const Graph>>;
using Attributes = std::vector<std::pair<std::string, Attribute>>;

struct Node {
  std::string op;
  std::vector<std::string> inputs;
  std::string output;
  Attributes attributes;
};

/// What a graph reads or results in.
struct ValueInfo {
  std::string name;
  Type type = Type::kFloat;
  Dims dims;  ///< kBatch: any number of images; none at all: of any shape
};
inline constexpr i64 kBatch = -1;

struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::vector<std::pair<std::string, Tensor>> initializers;
  std::vector<ValueInfo> inputs, outputs;
};

struct Model {
  i64 ir_version = 0, opset = 0;
  Graph graph;
  std::map<std::string, std::string> metadata;
};

/// Errors: ValueError if it is larger than the 2 GB that a message may have.
std::string encode(const Model& model);

}  // namespace tern::onnx
