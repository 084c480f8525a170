// The network under search.
#include <algorithm>
#include <cmath>

#include "nas/cells.hpp"
#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/ops.hpp"

namespace tern::nas {

// The graph, and which nodes belong to one candidate alone.
struct SupernetBuilder {
  const CellOptions& options;
  const SearchSpace& space;
  std::vector<Supernet::OwnedNodes> owned;

  Graph build() {
    const std::string shape = Shape{kEdges, static_cast<std::int64_t>(space.ops.size())}.str();
    const auto begin = [&](Graph& g) {
      g.add("given", {}, {{"shape", shape}}, "normal");
      g.add("given", {}, {{"shape", shape}}, "reduce");
    };
    return build_cells(options, true, begin, [this](const CellPlace& cell) { return inner(cell); });
  }

  std::array<std::string, kInner> inner(const CellPlace& cell) {
    Graph& g = cell.edge.graph;
    std::vector<std::string> nodes{cell.inputs[0], cell.inputs[1]};
    std::vector<std::string> into;
    for (std::int64_t e = 0; e < kEdges; ++e) {
      const EdgeEnds ends = cell_edges()[static_cast<std::size_t>(e)];
      into.push_back(edge(cell, e, nodes[static_cast<std::size_t>(ends.from)]));
      if (ends.from + 1 < ends.to) continue;
      nodes.push_back(g.add("add", std::move(into), {}, cell.edge.prefix + "_n" + std::to_string(ends.to)));
      into.clear();
    }
    return {nodes[2], nodes[3], nodes[4], nodes[5]};
  }

  std::string edge(const CellPlace& cell, std::int64_t e, const std::string& input) {
    Graph& g = cell.edge.graph;
    const int from = cell_edges()[static_cast<std::size_t>(e)].from;
    const std::string name = cell.edge.prefix + "_e" + std::to_string(e);
    std::vector<std::string> inputs{cell.reduction ? "reduce" : "normal"};
    std::string columns, normed;
    for (std::size_t o = 0; o < space.ops.size(); ++o) {
      const std::size_t begin = g.nodes().size();
      std::string y = candidate(space.ops[o]).build(cell.at(from, input, name + "_" + space.ops[o]));
      if (g.nodes().size() > begin && take_norm(g, y)) normed += (normed.empty() ? "" : ",") + std::to_string(o);
      owned.push_back({.reduction = cell.reduction,
                       .edge = e,
                       .op = static_cast<std::int64_t>(o),
                       .begin = begin,
                       .end = g.nodes().size()});
      if (y.empty()) continue;
      inputs.push_back(y);
      columns += (columns.empty() ? "" : ",") + std::to_string(o);
    }
    std::vector<std::pair<std::string, std::string>> attrs{{"row", std::to_string(e)}, {"columns", columns}};
    if (!normed.empty()) attrs.emplace_back("normed", normed);
    return g.add("mix", std::move(inputs), std::move(attrs), name);
  }

  // A batch norm that ends a candidate is left to the mixing node, which does it in its own pass.
  static bool take_norm(Graph& g, std::string& y) {
    const GraphNode& last = g.nodes().back();
    if (last.name != y || last.op != "batch_norm" || last.flag("affine", true) || last.has("eps") ||
        last.has("momentum")) {
      return false;
    }
    y = last.inputs[0];
    g.nodes().pop_back();
    return true;
  }
};

Graph supernet_graph(const CellOptions& options) {
  const CellOptions o = completed(options);
  return SupernetBuilder{o, space(o.space), {}}.build();
}

namespace {

// Its initialisation must not collide with the streams of the layers, which have the top bit set, or of the training
// loop.
constexpr std::uint64_t kAlphaStream = 0x617263;

Tensor initial_alpha(std::size_t ops, Rng& rng) {
  Tensor alpha = Tensor::empty(Shape{kEdges, static_cast<std::int64_t>(ops)});
  for (float& a : alpha.span<float>()) a = 1e-3f * rng.normal();
  return alpha.set_requires_grad(true);
}

Tensor gumbel_noise(const Shape& shape, Rng& rng) {
  Tensor noise = Tensor::empty(shape);
  for (float& g : noise.span<float>()) {
    const double u = (static_cast<double>(rng.uniform()) + 0x1p-25);  // in (0, 1)
    g = static_cast<float>(-std::log(-std::log(u)));
  }
  return noise;
}

std::int64_t largest_in_row(const Tensor& p, std::int64_t row) {
  const std::int64_t n = p.size(1);
  const float* x = p.data<float>() + row * n;
  return std::max_element(x, x + n) - x;
}

// 1 at the largest probability of each row, 0 elsewhere; the gradient passes as if it were p itself.
Tensor hard_choice(const Tensor& p) {
  Tensor y = Tensor::zeros(p.shape());
  for (std::int64_t row = 0; row < p.size(0); ++row) y.data<float>()[row * p.size(1) + largest_in_row(p, row)] = 1;
  return record("hard_choice", y, {p}, [](const Tensor& dy) { return std::vector<Tensor>{dy}; });
}

Tensor noisy_probabilities(const Tensor& alpha, const Tensor& noise, double temperature) {
  return softmax(scale(add(alpha, noise), 1 / temperature));
}

}  // namespace

Supernet::Supernet(const CellOptions& options, std::uint64_t seed)
    : options_(completed(options)), space_(nas::space(options_.space)) {
  SupernetBuilder builder{options_, space_, {}};
  network_ = std::make_unique<Network>(builder.build(), seed);
  network_->set_fake_evaluation(true);
  owned_ = std::move(builder.owned);
  Rng rng(seed, kAlphaStream);
  normal_ = initial_alpha(space_.ops.size(), rng);
  reduce_ = initial_alpha(space_.ops.size(), rng);
  const Mixture p = probabilities();
  network_->give("normal", p.normal.detach());
  network_->give("reduce", p.reduce.detach());
}

std::vector<NamedTensor> Supernet::alphas() const { return {{"arch.normal", normal_}, {"arch.reduce", reduce_}}; }

Mixture Supernet::probabilities() const { return {softmax(normal_), softmax(reduce_)}; }

Tensor Supernet::forward(const Tensor& images) {
  const bool sampled = noise_.normal.defined();
  const auto mixing = [&](const Tensor& alpha, const Tensor& noise) {
    return sampled ? hard_choice(noisy_probabilities(alpha, noise, temperature_)) : softmax(alpha);
  };
  network_->give("normal", mixing(normal_, noise_.normal));
  network_->give("reduce", mixing(reduce_, noise_.reduce));
  return network_->forward(images);
}

void Supernet::sample(Rng& rng, double temperature) {
  if (!(temperature > 0)) throw ValueError("[nas] expected a temperature > 0; got " + std::to_string(temperature));
  temperature_ = temperature;
  noise_ = {gumbel_noise(normal_.shape(), rng), gumbel_noise(reduce_.shape(), rng)};
  const NoGrad no_grad;
  const Mixture p{noisy_probabilities(normal_, noise_.normal, temperature),
                  noisy_probabilities(reduce_, noise_.reduce, temperature)};
  std::vector<bool> left_out(network_->graph().nodes().size(), false);
  for (const OwnedNodes& o : owned_) {
    if (largest_in_row(o.reduction ? p.reduce : p.normal, o.edge) == o.op) continue;
    for (std::size_t i = o.begin; i < o.end; ++i) left_out[i] = true;
  }
  network_->set_left_out(std::move(left_out));
}

void Supernet::use_all() {
  noise_ = {};
  network_->set_left_out({});
}

}  // namespace tern::nas
