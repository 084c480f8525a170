// The network of a genotype, its size, and random genotypes.
#include "nas/cells.hpp"
#include "tern/error.hpp"

namespace tern::nas {
namespace {

std::string add_edge(const CellPlace& cell, const Choice& choice, const std::vector<std::string>& nodes,
                     std::size_t index, bool drop_path) {
  const std::string prefix = cell.edge.prefix + "_o" + std::to_string(index) + "_" + choice.op;
  const EdgePlace at = cell.at(choice.from, nodes[static_cast<std::size_t>(choice.from)], prefix);
  if (at.input.empty())
    return {};  // on a node that is zero: zero, and so without weights (batch norm's beta would shift it)
  const std::string y = candidate(choice.op).build(at);
  return y.empty() || !drop_path ? y : at.add("_drop", "drop_path", y);
}

std::array<std::string, kInner> add_inner(const CellPlace& cell, const CellGenotype& genotype, bool drop_path) {
  std::vector<std::string> nodes{cell.inputs[0], cell.inputs[1]};
  std::array<std::string, kInner> out;
  for (std::size_t i = 0; i < kInner; ++i) {
    const std::string a = add_edge(cell, genotype[2 * i], nodes, 2 * i, drop_path);
    const std::string b = add_edge(cell, genotype[2 * i + 1], nodes, 2 * i + 1, drop_path);
    out[i] = a.empty() || b.empty()
                 ? a + b
                 : cell.edge.graph.add("add", {a, b}, {}, cell.edge.prefix + "_n" + std::to_string(i + 2));
    nodes.push_back(out[i]);
  }
  return out;
}

}  // namespace

Graph final_graph(const Genotype& genotype, const CellOptions& options) {
  CellOptions o = options;
  o.space = genotype.space;
  if (o.cell_template.empty()) o.cell_template = genotype.cell_template;
  o = completed(o);
  return build_cells(o, false, {}, [&](const CellPlace& cell) {
    return add_inner(cell, cell.reduction ? genotype.reduce : genotype.normal, o.drop_path);
  });
}

WeightCount count_weights(const Graph& graph) {
  WeightCount out;
  for (const LayerSummary& row : summarize(Network(graph, 1))) {
    out.all += row.weights;
    if (row.quantized) out.quantized += row.weights;
    out.parameters += row.parameters;
    out.macs += row.macs;
  }
  return out;
}

std::int64_t width_for_budget(const Genotype& genotype, CellOptions options, std::int64_t budget) {
  const auto fits = [&](std::int64_t width) {
    options.width = width;
    return count_weights(final_graph(genotype, options)).all <= budget;
  };
  if (!fits(2))
    throw ValueError("[nas] expected a budget of at least the weights of width 2; got " + std::to_string(budget));
  std::int64_t low = 2, high = 4;
  while (high <= 4096 && fits(high)) {
    low = high;
    high *= 2;
  }
  while (high - low > 2) {
    const std::int64_t middle = (low + high) / 4 * 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

Genotype random_genotype(const CellOptions& options, Rng& rng) {
  const CellOptions o = completed(options);
  const SearchSpace s = space(o.space);
  std::vector<std::string> ops;
  for (const std::string& op : s.ops) {
    if (op != "zero" || s.allow_zero) ops.push_back(op);
  }
  Genotype out{.space = o.space, .cell_template = o.cell_template, .normal = {}, .reduce = {}};
  for (CellGenotype* cell : {&out.normal, &out.reduce}) {
    for (std::size_t i = 0; i < kInner; ++i) {
      const auto earlier = static_cast<std::uint64_t>(kInputs) + i;
      const auto a = static_cast<int>(rng.below(earlier));
      auto b = static_cast<int>(rng.below(earlier - 1));
      if (b >= a) ++b;
      (*cell)[2 * i] = {ops[rng.below(ops.size())], a};
      (*cell)[2 * i + 1] = {ops[rng.below(ops.size())], b};
    }
  }
  return out;
}

}  // namespace tern::nas
