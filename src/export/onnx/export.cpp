// export_onnx: node after node of the packed graph, and what frames them.
#include "export/onnx/body.hpp"

namespace tern::onnx {
namespace {

Dims batch_of(const infer::ValueType& type) {
  Dims out{kBatch};
  for (int i = 0; i < type.shape.rank(); ++i) out.push_back(type.shape[i]);
  return out;
}

// Nodes from `first` on call the value `from` `to`.
void rename(Graph& graph, std::size_t first, const std::string& from, const std::string& to) {
  for (std::size_t i = first; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].output == from) graph.nodes[i].output = to;
    for (std::string& input : graph.nodes[i].inputs) {
      if (input == from) input = to;
    }
  }
}

class Writer {
 public:
  Writer(const packed::Model& model, OnnxForm form) : model_(model), form_(form), nodes_(infer::check_model(model)) {}

  Graph write() {
    graph_.name = "tern";
    graph_.inputs = {{nodes_[0].graph->name, Type::kUint8, batch_of(nodes_[0].type)}};
    for (const infer::Node& n : nodes_) write_node(n);
    write_scores(nodes_.back());
    return std::move(graph_);
  }

 private:
  void write_node(const infer::Node& n) {
    std::vector<std::string> in;
    std::vector<const infer::ValueType*> types;
    for (const std::size_t i : n.inputs) {
      in.push_back(names_[i]);
      types.push_back(&nodes_[i].type);
    }
    if (n.is_image()) in = {n.graph->name};
    const infer::NodeReader read(model_, *n.graph, types, n.is_image());
    const std::size_t first = graph_.nodes.size();
    std::string name = emitter_of(n)({n, read, in, form_, graph_, added_});
    if (!n.is_image() && graph_.nodes.size() > first) {
      rename(graph_, first, name, n.graph->name);
      name = n.graph->name;
    }
    names_.push_back(name);
  }

  // The last value as the scores of classes: real numbers in one dimension.
  void write_scores(const infer::Node& n) {
    const std::vector<std::string> in{names_.back()};
    const infer::NodeReader read(model_, *n.graph, {&n.type}, false);
    const Body b{n, read, in, form_, graph_, added_};
    std::string scores = b.real();
    if (n.type.shape.rank() != 1) scores = b.add("Flatten", {scores});
    graph_.outputs = {{scores, Type::kFloat, {kBatch, n.type.numel()}}};
  }

  const packed::Model& model_;
  OnnxForm form_;
  std::vector<infer::Node> nodes_;
  std::vector<std::string> names_;  // of each node's tensor
  Graph graph_;
  std::set<std::string> added_;
};

Model written(const packed::Model& model, OnnxForm form) {
  const i64 ir_version = form == OnnxForm::kInt2 ? 13 : 10;  // that came with the opsets
  return {ir_version, onnx_opset(form), Writer(model, form).write(), model.meta};
}

}  // namespace
}  // namespace tern::onnx

namespace tern {

std::string export_onnx(const packed::Model& model, OnnxForm form) { return encode(onnx::written(model, form)); }

}  // namespace tern
