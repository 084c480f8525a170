// From the text of a graph to checked nodes. Whatever is wrong with a model is found here, before any kernel runs.
#include <algorithm>
#include <cstdio>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/names.hpp"
#include "infer/ops/node.hpp"
#include "infer/ops/node_reader.hpp"
#include "tern/error.hpp"

namespace tern::infer {
namespace {

using Names = std::unordered_map<std::string_view, std::size_t>;

const PackedOp& op_of(const GraphNode& g) {
  const PackedOp* op = find_packed_op(g.op);
  if (!op) refuse(g, unknown_name("op", g.op, packed_ops(), [](const PackedOp& o) { return o.name; }));
  std::vector<std::string> keys{"value_of"};
  for (const std::string_view key : op->keys()) keys.emplace_back(key);
  for (const auto& [key, value] : g.attrs) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) refuse(g, unknown_name("key", key, keys));
  }
  return *op;
}

std::vector<std::size_t> inputs_of(const GraphNode& g, const Names& names, const PackedOp& op) {
  std::vector<std::size_t> out;
  for (const std::string& name : g.inputs) {
    const auto at = names.find(name);
    if (at == names.end()) refuse(g, "input \"" + name + "\" is no earlier node");
    out.push_back(at->second);
  }
  const auto count = static_cast<int>(out.size());
  if (op.inputs == kTwoOrMore ? count < 2 : count != op.inputs)
    refuse(g, "wrong number of inputs: " + std::to_string(count));
  return out;
}

// The type that Meaning::read begins with.
ValueType carried(const Meaning& op, const std::vector<const ValueType*>& inputs) {
  if (inputs.empty()) return {};
  const ValueType& first = *inputs[0];
  const bool codes = op.carries_codes && std::all_of(inputs.begin(), inputs.end(),
                                                     [&](const ValueType* x) { return first.same_codes(*x); });
  return codes ? first : ValueType{first.shape};
}

Node check_node(const packed::Model& model, const GraphNode& g, const std::vector<Node>& before, const Names& names) {
  const PackedOp& op = op_of(g);
  Node node{&g, &op.meaning, inputs_of(g, names, op), {}, {}};
  std::vector<const ValueType*> inputs;
  for (const std::size_t in : node.inputs) inputs.push_back(&before[in].type);
  node.type = carried(op.meaning, inputs);
  node.operation = op.meaning.read(NodeReader(model, g, inputs, before.empty()), node.type);
  const i64 n = node.type.numel();
  if (n <= 0 || n > kMaxValueElements) {
    refuse(g, "its result has " + std::to_string(n) + " elements; expected 1 to " + std::to_string(kMaxValueElements));
  }
  return node;
}

}  // namespace

std::vector<Node> check_model(const packed::Model& model) {
  if (model.graph.nodes().empty()) throw FormatError("[infer] the model's graph is empty");
  std::vector<Node> nodes;
  Names names;
  i64 total = 0;
  for (const GraphNode& g : model.graph.nodes()) {
    try {
      nodes.push_back(check_node(model, g, nodes, names));
    } catch (const FormatError&) {
      throw;
    } catch (const Error& error) {  // from the graph's accessors, and Shape
      throw FormatError(error.what());
    }
    total += nodes.back().type.numel();
    if (total > kMaxTotalElements) refuse(g, "the values of all nodes together are too large");
    if (!names.emplace(g.name, names.size()).second) refuse(g, "its name is used twice");
  }
  return nodes;
}

void expect_work(const std::vector<Node>& nodes, double most) {
  double total = 0, largest = 0;
  const Node* at = &nodes.front();
  for (const Node& n : nodes) {
    double work = n.operation->work(n.type) + static_cast<double>(n.type.numel());
    for (const std::size_t in : n.inputs) work += static_cast<double>(nodes[in].type.numel());
    total += work;
    if (work <= largest) continue;
    largest = work;
    at = &n;
  }
  if (total <= most) return;
  char text[160];
  std::snprintf(
      text, sizeof text,
      "it takes %.2g of the %.2g operations of an image, more than the limit of %.2g; raise max_work (tern run "
      "--max-work) if that is meant",
      largest, total, most);
  refuse(*at->graph, text);
}

}  // namespace tern::infer
