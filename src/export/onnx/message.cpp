#include "export/onnx/message.hpp"

#include <bit>
#include <limits>
#include <protozero/pbf_builder.hpp>
#include <type_traits>

#include "tern/error.hpp"

namespace tern::onnx {
namespace {

namespace field {
enum class Model : protozero::pbf_tag_type { ir_version = 1, producer_name = 2, graph = 7, opset = 8, metadata = 14 };
enum class Opset : protozero::pbf_tag_type { domain = 1, version = 2 };
enum class Entry : protozero::pbf_tag_type { key = 1, value = 2 };
enum class Graph : protozero::pbf_tag_type { node = 1, name = 2, initializer = 5, input = 11, output = 12 };
enum class Node : protozero::pbf_tag_type { input = 1, output = 2, name = 3, op_type = 4, attribute = 5 };
enum class Attribute : protozero::pbf_tag_type { name = 1, i = 3, s = 4, g = 6, ints = 8, type = 20 };
enum class Tensor : protozero::pbf_tag_type { dims = 1, data_type = 2, name = 8, raw_data = 9 };
enum class Value : protozero::pbf_tag_type { name = 1, type = 2 };
enum class ValueType : protozero::pbf_tag_type { tensor_type = 1 };
enum class TensorType : protozero::pbf_tag_type { elem_type = 1, shape = 2 };
enum class Shape : protozero::pbf_tag_type { dim = 1 };
enum class Dimension : protozero::pbf_tag_type { dim_value = 1, dim_param = 2 };
}  // namespace field

// AttributeProto.AttributeType.
enum AttributeType : std::int32_t { kInt = 2, kString = 3, kGraph = 5, kInts = 7 };

template <class Field>
using Builder = protozero::pbf_builder<Field>;

void write(Builder<field::Tensor> out, const std::string& name, const Tensor& t) {
  for (const i64 extent : t.dims) out.add_int64(field::Tensor::dims, extent);
  out.add_int32(field::Tensor::data_type, static_cast<std::int32_t>(t.type));
  out.add_string(field::Tensor::name, name);
  out.add_bytes(field::Tensor::raw_data, t.bytes);
}

void write(Builder<field::Value> out, const ValueInfo& v) {
  out.add_string(field::Value::name, v.name);
  Builder<field::ValueType> type(out, field::Value::type);
  Builder<field::TensorType> tensor(type, field::ValueType::tensor_type);
  tensor.add_int32(field::TensorType::elem_type, static_cast<std::int32_t>(v.type));
  if (v.dims.empty()) return;
  Builder<field::Shape> shape(tensor, field::TensorType::shape);
  for (const i64 extent : v.dims) {
    Builder<field::Dimension> dim(shape, field::Shape::dim);
    if (extent == kBatch)
      dim.add_string(field::Dimension::dim_param, "batch");
    else
      dim.add_int64(field::Dimension::dim_value, extent);
  }
}

void write(Builder<field::Graph> out, const Graph& g);

void write(Builder<field::Attribute> out, const std::string& name, const Attribute& a) {
  out.add_string(field::Attribute::name, name);
  if (const auto* i = std::get_if<i64>(&a)) {
    out.add_int64(field::Attribute::i, *i);
    out.add_enum(field::Attribute::type, kInt);
  } else if (const auto* s = std::get_if<std::string>(&a)) {
    out.add_bytes(field::Attribute::s, *s);
    out.add_enum(field::Attribute::type, kString);
  } else if (const auto* ints = std::get_if<Dims>(&a)) {
    for (const i64 v : *ints) out.add_int64(field::Attribute::ints, v);
    out.add_enum(field::Attribute::type, kInts);
  } else {
    write(Builder<field::Graph>(out, field::Attribute::g), *std::get<std::shared_ptr<const Graph>>(a));
    out.add_enum(field::Attribute::type, kGraph);
  }
}

void write(Builder<field::Node> out, const Node& n) {
  for (const std::string& input : n.inputs) out.add_string(field::Node::input, input);
  out.add_string(field::Node::output, n.output);
  out.add_string(field::Node::name, n.output);
  out.add_string(field::Node::op_type, n.op);
  for (const auto& [name, value] : n.attributes)
    write(Builder<field::Attribute>(out, field::Node::attribute), name, value);
}

void write(Builder<field::Graph> out, const Graph& g) {
  for (const Node& n : g.nodes) write(Builder<field::Node>(out, field::Graph::node), n);
  out.add_string(field::Graph::name, g.name);
  for (const auto& [name, tensor] : g.initializers)
    write(Builder<field::Tensor>(out, field::Graph::initializer), name, tensor);
  for (const ValueInfo& v : g.inputs) write(Builder<field::Value>(out, field::Graph::input), v);
  for (const ValueInfo& v : g.outputs) write(Builder<field::Value>(out, field::Graph::output), v);
}

template <class T, class Bits>
std::string little_endian(std::span<const T> values) {
  std::string out;
  for (const T v : values) {
    const Bits bits = std::bit_cast<Bits>(v);
    for (unsigned shift = 0; shift < 8 * sizeof bits; shift += 8) out += static_cast<char>(bits >> shift & 0xFF);
  }
  return out;
}

}  // namespace

Tensor Tensor::of(Dims dims, std::span<const float> values) {
  return {Type::kFloat, std::move(dims), little_endian<float, std::uint32_t>(values)};
}
Tensor Tensor::of(Dims dims, std::span<const std::int32_t> values) {
  return {Type::kInt32, std::move(dims), little_endian<std::int32_t, std::uint32_t>(values)};
}
Tensor Tensor::of(Dims dims, std::span<const i64> values) {
  return {Type::kInt64, std::move(dims), little_endian<i64, std::uint64_t>(values)};
}
Tensor Tensor::of(Dims dims, std::span<const std::int8_t> values) {
  return {Type::kInt8, std::move(dims), std::string(values.begin(), values.end())};
}
Tensor Tensor::of(Dims dims, std::span<const std::uint8_t> values) {
  return {Type::kUint8, std::move(dims), std::string(values.begin(), values.end())};
}
Tensor Tensor::of_two_bits(Dims dims, std::span<const std::int8_t> values) {
  std::string bytes((values.size() + 3) / 4, '\0');
  for (std::size_t i = 0; i < values.size(); ++i)
    bytes[i / 4] = static_cast<char>(bytes[i / 4] | (values[i] & 3) << 2 * (i % 4));
  return {Type::kInt2, std::move(dims), std::move(bytes)};
}

std::string encode(const Model& model) {
  std::string bytes;
  Builder<field::Model> out(bytes);
  out.add_int64(field::Model::ir_version, model.ir_version);
  out.add_string(field::Model::producer_name, "tern");
  write(Builder<field::Graph>(out, field::Model::graph), model.graph);
  {
    Builder<field::Opset> opset(out, field::Model::opset);
    opset.add_string(field::Opset::domain, "");
    opset.add_int64(field::Opset::version, model.opset);
  }
  for (const auto& [key, value] : model.metadata) {
    Builder<field::Entry> entry(out, field::Model::metadata);
    entry.add_string(field::Entry::key, key);
    entry.add_string(field::Entry::value, value);
  }
  if (bytes.size() > std::numeric_limits<std::int32_t>::max())
    throw ValueError("[export] expected a network that fits the 2 GB of an ONNX file; got " +
                     std::to_string(bytes.size()) + " bytes");
  return bytes;
}

}  // namespace tern::onnx
