// PackContext: what packers see of the network, and do to the packed graph.
#include "convert/packer.hpp"
#include "core/names.hpp"
#include "core/number_text.hpp"
#include "infer/ops/op.hpp"
#include "tern/error.hpp"

namespace tern {
CodeRange code_range(const ActQuantizer& q) { return {q.lo(), q.hi(), q.step(), q.code(0.0f)}; }

packed::Blob float_blob(const Tensor& t) {
  const Tensor dense = t.contiguous();
  const auto values = dense.span<float>();
  return packed::Blob::of_floats(t.shape(), {values.begin(), values.end()});
}

PackContext::State::State(const Network& of) : network(of), needed{of.graph().output().name} {
  const std::vector<GraphNode>& nodes = of.graph().nodes();
  for (std::size_t i = nodes.size(); i-- > 0;) {
    if (needed.contains(nodes[i].name)) needed.insert(nodes[i].inputs.begin(), nodes[i].inputs.end());
  }
}

const Network& PackContext::network() const { return state_.network; }
std::size_t PackContext::index() const { return state_.index; }
const GraphNode& PackContext::node(std::size_t i) const { return network().graph().nodes()[i]; }
Layer& PackContext::layer(std::size_t i) const { return network().layer(i); }

std::vector<std::size_t> PackContext::readers(std::size_t i) const {
  std::vector<std::size_t> out = network().graph().consumers(i);
  std::erase_if(out, [&](std::size_t reader) { return !state_.needed.contains(node(reader).name); });
  return out;
}

Tensor PackContext::tensor(std::size_t i, std::string_view name) const {
  for (const Parameter& p : layer(i).parameters()) {
    if (p.name == name) return p.value;
  }
  for (const NamedTensor& b : layer(i).buffers()) {
    if (b.name == name) return b.value;
  }
  return {};
}

std::vector<std::string> PackContext::inputs() const {
  std::vector<std::string> out;
  for (const std::string& name : node().inputs) out.push_back(state_.done.at(name));
  return out;
}

std::optional<CodeRange> PackContext::codes(const std::vector<std::string>& packed_nodes) const {
  std::optional<CodeRange> shared;
  for (const std::string& name : packed_nodes) {
    const auto it = state_.codes.find(name);
    if (it == state_.codes.end() || (shared && *shared != it->second)) return std::nullopt;
    shared = it->second;
  }
  return shared;
}

std::string PackContext::add(PackedNode operation) {
  const std::string stem = node().name + "." + operation.op;
  const auto taken = [&](const std::string& name) {
    return network().graph().find(name) >= 0 || state_.model.graph.find(name) >= 0;
  };
  std::string name = stem;
  for (int k = 2; taken(name); ++k) name = stem + std::to_string(k);
  append(name, std::move(operation));
  return name;
}

void PackContext::finish(PackedNode operation, std::size_t last) {
  for (std::size_t i = index(); i != last; i = readers(i)[0]) {
    if (readers(i).size() != 1 || i > last) refuse("\"" + node(last).name + "\" is not reached by single readers");
    state_.done[node(i).name] = "";
  }
  const std::string& name = node(last).name;
  append(name, std::move(operation));
  state_.model.graph.nodes().back().set("value_of", name);
  state_.done[name] = name;
}

void PackContext::pass_through(const std::string& packed_node) { state_.done[node().name] = packed_node; }

void PackContext::append(const std::string& name, PackedNode operation) {
  auto& [op, inputs, attrs, blobs, codes] = operation;
  const infer::PackedOp* row = infer::find_packed_op(op);
  if (!row)
    refuse(unknown_name("packed operation", op, infer::packed_ops(), [](const auto& known) { return known.name; }));
  if (codes) {
    attrs.emplace_back("lo", std::to_string(codes->lo));
    attrs.emplace_back("hi", std::to_string(codes->hi));
    attrs.emplace_back("step", number_text(codes->step));
  } else if (row->meaning.carries_codes) {
    codes = this->codes(inputs);
  }
  if (codes) state_.codes.emplace(name, *codes);
  state_.model.graph.add(op, std::move(inputs), std::move(attrs), name);
  for (auto& [local, blob] : blobs) state_.model.blobs.emplace(name + "." + local, std::move(blob));
}

void PackContext::refuse(const std::string& why) const {
  throw ValueError("[pack] node \"" + node().name + "\": " + why);
}

}  // namespace tern
