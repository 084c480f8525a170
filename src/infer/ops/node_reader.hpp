// What an operation reads a node with: attributes within bounds, blobs of the kind and shape that it wants, ranges of
// codes. Every failure is a FormatError that names the node.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "infer/ops/value.hpp"
#include "tern/packed.hpp"

namespace tern::infer {

/// Extents may not go beyond these, so that sizes and offsets fit their types and a small file cannot ask for all
/// memory.
inline constexpr i64 kMaxAttribute = i64{1} << 24;
inline constexpr i64 kMaxValueElements = i64{1} << 26;
inline constexpr i64 kMaxTotalElements = i64{1} << 28;
/// Each has a table of 256 numbers.
inline constexpr i64 kMaxImageChannels = i64{1} << 16;

/// Throws a FormatError that names the node.
[[noreturn]] void refuse(const GraphNode& node, const std::string& what);

class NodeReader {
 public:
  /// `inputs`: types of what the node reads. `first`: of the graph.
  NodeReader(const packed::Model& model, const GraphNode& node, std::vector<const ValueType*> inputs, bool first)
      : model_(model), node_(node), inputs_(std::move(inputs)), first_(first) {}

  void expect(bool ok, const std::string& what) const {
    if (!ok) refuse(node_, what);
  }
  /// Makes no string of what is right: a model has millions of numbers to be checked.
  void expect(bool ok, const char* what) const {
    if (!ok) refuse(node_, what);
  }

  bool is_first() const { return first_; }
  std::size_t inputs() const { return inputs_.size(); }
  const ValueType& in(std::size_t i = 0) const { return *inputs_[i]; }
  void expect_images() const;

  bool has(std::string_view key) const { return node_.has(key); }
  std::string text(std::string_view key) const { return node_.text(key); }
  std::string text(std::string_view key, std::string_view fallback) const { return node_.text(key, fallback); }
  std::vector<float> numbers(std::string_view key) const { return node_.numbers(key); }
  /// False if absent.
  bool flag(std::string_view key) const { return node_.flag(key, false); }
  /// lowest .. kMaxAttribute.
  i64 integer(std::string_view key, i64 lowest) const;
  i64 integer(std::string_view key, i64 lowest, i64 fallback) const;
  /// R or RxS: rows, columns, each so bounded.
  std::pair<i64, i64> pair(std::string_view key, i64 lowest) const;
  std::pair<i64, i64> pair(std::string_view key, i64 lowest, i64 fallback) const;
  /// lo, hi and step into `type`.
  void code_range(ValueType& type) const;
  /// pad_code, a code of the first input; 0 if absent.
  int pad_code() const;

  /// "<node>.<what>", numbers that are finite, or with kMayBeInfinite no NaN; empty if kOptional and absent.
  enum Blobs : unsigned { kRequired = 0, kOptional = 1, kMayBeInfinite = 2 };
  std::span<const float> floats(const std::string& what, const Shape& shape, Blobs how = kRequired) const;
  std::span<const std::int32_t> ints(const std::string& what, const Shape& shape) const;
  std::span<const std::int8_t> codes(const std::string& what, const Shape& shape, Blobs how = kRequired) const;
  bool blob_has_shape(const std::string& what, const Shape& shape) const;

 private:
  i64 limited(std::string_view key, i64 v, i64 lowest) const;
  const packed::Blob* find(const std::string& what) const;
  const packed::Blob* find(const std::string& what, packed::Blob::Kind kind, const Shape& shape, Blobs how) const;

  const packed::Model& model_;
  const GraphNode& node_;
  std::vector<const ValueType*> inputs_;
  bool first_;
};

}  // namespace tern::infer
