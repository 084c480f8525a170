// Graph: a network's topology as text. One line a node, in topological order; every format of tern that carries an
// architecture (model files of users, checkpoints, packed files) carries this text.
//
//   tern-graph 1
//   image = input() shape=1x28x28
//   conv1 = conv2d(image) out=32 kernel=3 pad=1      # comment
//   bn1   = batch_norm(conv1)
//   act1  = act(bn1) kind=relu
//   flat  = flatten(act1)
//   fc    = linear(flat) out=10
//
// Grammar of a line:  name = op(input, input, ...) key=value key=value ...
//   name     [A-Za-z_][A-Za-z0-9_.]*
//   op, key  [a-z_][a-z0-9_.]*
//   value    no white space, control character or '#'
// Inputs name earlier lines. The last node is the network's output. What an op means and which keys it takes is the
// business of whoever runs the graph (nn for training, infer for packed networks).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tern/public.h"

namespace tern {

struct TERN_PUBLIC GraphNode {
  std::string name;
  std::string op;
  std::vector<std::string> inputs;
  std::vector<std::pair<std::string, std::string>> attrs;  ///< in the order written; keys are unique

  bool has(std::string_view key) const;
  /// Errors (all accessors without a default): ValueError naming the node and the missing key.
  /// Errors (all accessors): ValueError naming node, key and text if the text does not parse.
  std::string text(std::string_view key) const;
  std::string text(std::string_view key, std::string_view fallback) const;
  std::int64_t integer(std::string_view key) const;
  std::int64_t integer(std::string_view key, std::int64_t fallback) const;
  /// Rows and columns: "3x5", or "3" for 3x3.
  std::pair<std::int64_t, std::int64_t> pair(std::string_view key) const;
  std::pair<std::int64_t, std::int64_t> pair(std::string_view key, std::int64_t fallback) const;
  double number(std::string_view key, double fallback) const;
  /// Accepts 0, 1, false, true.
  bool flag(std::string_view key, bool fallback) const;
  /// Comma-separated numbers.
  std::vector<float> numbers(std::string_view key) const;
  /// Sets or replaces.
  GraphNode& set(std::string_view key, std::string_view value);
  GraphNode& set(std::string_view key, std::int64_t value);
};

class TERN_PUBLIC Graph {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{4} << 20;
  static constexpr std::size_t kMaxNodes = 100'000;
  static constexpr std::size_t kMaxKeys = 64;  ///< of a node

  /// Errors: FormatError with line number on bad syntax, duplicate names, unknown inputs, or over the limits above.
  static Graph parse(std::string_view text);
  std::string format() const;

  /// Appends a node and returns its name, so that builders nest: x = g.add("act", {g.add("batch_norm", {x})}).
  /// An empty `name` becomes op + running number. Errors: ValueError on a duplicate name or unknown input.
  std::string add(std::string_view op, std::vector<std::string> inputs,
                  std::vector<std::pair<std::string, std::string>> attrs = {}, std::string_view name = {});

  const std::vector<GraphNode>& nodes() const& { return nodes_; }
  std::vector<GraphNode>& nodes() & { return nodes_; }
  std::vector<GraphNode> nodes() && { return std::move(nodes_); }
  /// Index of a node by name, or -1.
  std::int64_t find(std::string_view name) const;
  /// Indices of the nodes that read node `index`.
  std::vector<std::size_t> consumers(std::size_t index) const;
  const GraphNode& output() const&;
  const GraphNode& output() const&& = delete;

 private:
  std::vector<GraphNode> nodes_;
};

}  // namespace tern
