#include "infer/ops/node_reader.hpp"

#include <cmath>

#include "tern/error.hpp"

namespace tern::infer {

using packed::Blob;

void refuse(const GraphNode& node, const std::string& what) {
  throw FormatError("[infer] node \"" + node.name + "\" (" + node.op + "): " + what);
}

void NodeReader::expect_images() const {
  for (const ValueType* x : inputs_)
    expect(x->shape.rank() == 3, "expected an input of shape CxHxW; got " + x->shape.str());
}

i64 NodeReader::integer(std::string_view key, i64 lowest) const { return limited(key, node_.integer(key), lowest); }
i64 NodeReader::integer(std::string_view key, i64 lowest, i64 fallback) const {
  return limited(key, node_.integer(key, fallback), lowest);
}

i64 NodeReader::limited(std::string_view key, i64 v, i64 lowest) const {
  expect(v >= lowest && v <= kMaxAttribute, "expected " + std::string(key) + " in " + std::to_string(lowest) + " .. " +
                                                std::to_string(kMaxAttribute) + "; got " + std::to_string(v));
  return v;
}

std::pair<i64, i64> NodeReader::pair(std::string_view key, i64 lowest) const {
  const auto [rows, columns] = node_.pair(key);
  return {limited(key, rows, lowest), limited(key, columns, lowest)};
}
std::pair<i64, i64> NodeReader::pair(std::string_view key, i64 lowest, i64 fallback) const {
  return node_.has(key) ? pair(key, lowest) : std::pair{fallback, fallback};
}

void NodeReader::code_range(ValueType& type) const {
  const i64 lo = node_.integer("lo"), hi = node_.integer("hi");
  expect(lo >= -128 && hi <= 127 && lo < hi, "expected -128 <= lo < hi <= 127");
  const std::vector<float> step = numbers("step");
  expect(step.size() == 1 && std::isfinite(step[0]) && step[0] > 0, "expected one finite step > 0");
  type.lo = static_cast<int>(lo);
  type.hi = static_cast<int>(hi);
  type.step = step[0];
}

int NodeReader::pad_code() const {
  if (!has("pad_code")) return 0;
  const i64 code = node_.integer("pad_code");
  expect(in().is_codes() && code >= in().lo && code <= in().hi,
         "expected pad_code among the codes of the input; got " + std::to_string(code));
  return static_cast<int>(code);
}

const Blob* NodeReader::find(const std::string& what) const {
  const auto it = model_.blobs.find(node_.name + "." + what);
  return it == model_.blobs.end() ? nullptr : &it->second;
}

bool NodeReader::blob_has_shape(const std::string& what, const Shape& shape) const {
  const Blob* b = find(what);
  return b && b->shape == shape;
}

const Blob* NodeReader::find(const std::string& what, Blob::Kind kind, const Shape& shape, Blobs how) const {
  const Blob* b = find(what);
  const std::string name = "blob \"" + node_.name + "." + what + "\"";
  if (!b) {
    expect(how & kOptional, "the " + name + " is missing");
    return nullptr;
  }
  expect(b->kind == kind && b->shape == shape, name + ": expected " + std::string(name_of(kind)) + " " + shape.str() +
                                                   "; got " + std::string(name_of(b->kind)) + " " + b->shape.str());
  const auto n = static_cast<std::size_t>(shape.numel());
  expect(b->f32.size() + b->i32.size() + b->codes.size() == n, name + " is inconsistent");
  return b;
}

std::span<const float> NodeReader::floats(const std::string& what, const Shape& shape, Blobs how) const {
  const Blob* b = find(what, Blob::Kind::kF32, shape, how);
  if (!b) return {};
  const bool finite = !(how & kMayBeInfinite);
  for (const float f : b->f32) {
    if (finite ? std::isfinite(f) : !std::isnan(f)) continue;
    refuse(node_,
           "blob \"" + node_.name + "." + what + "\" holds a value that is not " + (finite ? "finite" : "a number"));
  }
  return b->f32;
}

std::span<const std::int32_t> NodeReader::ints(const std::string& what, const Shape& shape) const {
  return find(what, Blob::Kind::kI32, shape, kRequired)->i32;
}

std::span<const std::int8_t> NodeReader::codes(const std::string& what, const Shape& shape, Blobs how) const {
  const Blob* b = find(what, Blob::Kind::kCodes, shape, how);
  return b ? std::span<const std::int8_t>(b->codes) : std::span<const std::int8_t>();
}

}  // namespace tern::infer
