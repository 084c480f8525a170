// Terms of the objective besides the cross-entropy: entropy of the mixture, expected cost of the final network.
//
// With L = ln p for one row of probabilities and R rows in all:
//   H = -(1/R) sum p L,   dH/dp = -(L + 1) / R;   through p = softmax(alpha):  dH/dalpha_o = -p_o (L_o + H_row) / R
#include <cmath>
#include <map>
#include <tuple>

#include "nas/cells.hpp"
#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/ops.hpp"

namespace tern::nas {
namespace {

// -sum p ln p over all elements, 0 ln 0 = 0. The derivative at 0 is taken at the smallest normal float: softmax
// multiplies it by 0.
Tensor entropy_sum(const Tensor& p) {
  const Tensor in = p.contiguous().detach();
  double total = 0;
  Tensor slope = Tensor::empty(p.shape(), p.dtype());
  dispatch(p.dtype(), "entropy", [&](auto zero) {
    using T = decltype(zero);
    const T* x = in.data<T>();
    T* d = slope.data<T>();
    for (std::int64_t i = 0; i < in.numel(); ++i) {
      const double v = static_cast<double>(x[i]), log = std::log(std::max(v, 0x1p-126));
      total -= v * log;
      d[i] = static_cast<T>(-(log + 1));
    }
  });
  return record("entropy", Tensor::scalar(total, p.dtype()), {p},
                [slope](const Tensor& dy) { return std::vector<Tensor>{scale(slope, dy.item())}; });
}

double bits_per_weight(const LayerSummary& row) {
  return !row.quantized ? 32.0 : row.weight_bits == 2 ? 1.6 : row.weight_bits;
}

double cost_of(const Graph& graph, Cost cost) {
  double total = 0;
  for (const LayerSummary& row : summarize(Network(graph, 1))) {
    total += cost == Cost::kMacs ? static_cast<double>(row.macs)
                                 : static_cast<double>(row.weights) * bits_per_weight(row) / 8;
  }
  return total;
}

// One operation alone. Height and width are those of the cell's output.
double cost_of_op(const CellOptions& o, const std::string& op, std::int64_t channels, std::int64_t stride,
                  std::int64_t height, std::int64_t width, Cost cost) {
  Graph g;
  g.add("input", {}, {{"shape", Shape{channels, height * stride, width * stride}.str()}}, "image");
  const EdgePlace at{.graph = g,
                     .input = "image",
                     .prefix = "op",
                     .channels = channels,
                     .stride = stride,
                     .searching = false,
                     .weights = o.weights,
                     .acts = o.acts};
  return candidate(op).build(at).empty() ? 0.0 : cost_of(g, cost);
}

Tensor row_products(const Tensor& p, const Tensor& table) { return sum(mul(p, table)); }

}  // namespace

Tensor mean_entropy(const Mixture& p) {
  const double rows = static_cast<double>(p.normal.size(0) + p.reduce.size(0));
  return scale(add(entropy_sum(p.normal), entropy_sum(p.reduce)), 1 / rows);
}

CostTable cost_table(const CellOptions& final_options, Cost cost) {
  const CellOptions o = completed(final_options);
  const SearchSpace s = space(o.space);
  const Shape shape{kEdges, static_cast<std::int64_t>(s.ops.size())};
  CostTable table{Tensor::zeros(shape), Tensor::zeros(shape), 0};
  std::map<std::tuple<std::int64_t, std::int64_t, std::size_t>, double> known;  // channels, stride, op
  std::int64_t channels = o.width, height = o.input[1], width = o.input[2];
  for (std::int64_t k = 0; k < o.cells; ++k) {
    const bool reduction = is_reduction(o, k);
    if (reduction) {
      channels *= 2;
      height /= 2;
      width /= 2;
    }
    float* out = (reduction ? table.reduce : table.normal).data<float>();
    for (std::int64_t e = 0; e < kEdges; ++e) {
      const EdgeEnds ends = cell_edges()[static_cast<std::size_t>(e)];
      const std::int64_t stride = reduction && ends.from < kInputs ? 2 : 1;
      for (std::size_t i = 0; i < s.ops.size(); ++i) {
        const auto [it, added] = known.try_emplace({channels, stride, i}, 0.0);
        if (added) it->second = cost_of_op(o, s.ops[i], channels, stride, height, width, cost);
        out[e * shape[1] + static_cast<std::int64_t>(i)] += static_cast<float>(it->second * 2.0 / ends.to);
      }
    }
  }
  Genotype pools{.space = o.space, .cell_template = o.cell_template, .normal = {}, .reduce = {}};
  std::string weightless;
  for (const std::string& op : s.ops) {
    if (op != "zero" && !candidate(op).has_weights) weightless = weightless.empty() ? op : weightless;
  }
  if (weightless.empty())
    throw ValueError("[nas] expected a space with a pool or skip to tell fixed costs; got " + s.key);
  for (CellGenotype* cell : {&pools.normal, &pools.reduce}) {
    for (Choice& c : *cell) c = {weightless, static_cast<int>(&c - cell->data()) % 2};
  }
  table.fixed = cost_of(final_graph(pools, o), cost);
  return table;
}

Tensor expected_cost(const Mixture& p, const CostTable& table) {
  return add_scalar(add(row_products(p.normal, table.normal), row_products(p.reduce, table.reduce)), table.fixed);
}

}  // namespace tern::nas
