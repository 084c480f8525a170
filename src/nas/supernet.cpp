// The network under search.
#include <algorithm>
#include <cmath>

#include "core/names.hpp"
#include "nas/cells.hpp"
#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/ops.hpp"

namespace tern::nas {

namespace {

// Nodes [begin, end) belong to one candidate alone.
struct OwnedNodes {
  bool reduction = false;
  std::int64_t edge = 0, op = 0;
  std::size_t begin = 0, end = 0;
};

// The graph, and which nodes belong to one candidate alone.
struct SupernetBuilder {
  const CellOptions& options;
  SearchSpace space;
  std::vector<OwnedNodes> owned;

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
    std::vector<std::string> columns, normed;
    for (std::size_t o = 0; o < space.ops.size(); ++o) {
      const std::size_t begin = g.nodes().size();
      std::string y = candidate(space.ops[o]).build(cell.at(from, input, name + "_" + space.ops[o]));
      if (g.nodes().size() > begin && take_norm(g, y)) normed.push_back(std::to_string(o));
      owned.push_back({.reduction = cell.reduction,
                       .edge = e,
                       .op = static_cast<std::int64_t>(o),
                       .begin = begin,
                       .end = g.nodes().size()});
      if (y.empty()) continue;
      inputs.push_back(y);
      columns.push_back(std::to_string(o));
    }
    std::vector<std::pair<std::string, std::string>> attrs{{"row", std::to_string(e)}, {"columns", join(columns, ",")}};
    if (!normed.empty()) attrs.emplace_back("normed", join(normed, ","));
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

Graph supernet_graph(const CellOptions& options) {
  const CellOptions o = completed(options);
  return SupernetBuilder{o, space(o.space), {}}.build();
}

struct Supernet::Impl {
  Impl(const CellOptions& given, std::uint64_t seed)
      : options(completed(given)), space(nas::space(options.space)), network(build(), seed) {
    network.set_fake_evaluation(true);
    Rng rng(seed, kAlphaStream);
    normal = initial_alpha(space.ops.size(), rng);
    reduce = initial_alpha(space.ops.size(), rng);
  }
  Graph build() {
    SupernetBuilder builder{options, space, {}};
    Graph graph = builder.build();
    owned = std::move(builder.owned);
    return graph;
  }

  CellOptions options;
  SearchSpace space;
  std::vector<OwnedNodes> owned;
  Network network;
  Tensor normal, reduce;  // alpha
  Mixture noise;          // undefined: all operations
  double temperature = 1;
};

Supernet::Supernet(const CellOptions& options, std::uint64_t seed) : impl_(std::make_unique<Impl>(options, seed)) {
  const Mixture p = probabilities();
  network().give("normal", p.normal.detach());
  network().give("reduce", p.reduce.detach());
}

Supernet::Supernet(Supernet&&) noexcept = default;
Supernet& Supernet::operator=(Supernet&&) noexcept = default;
Supernet::~Supernet() = default;

const CellOptions& Supernet::options() const { return impl_->options; }
const SearchSpace& Supernet::space() const { return impl_->space; }
Network& Supernet::network() { return impl_->network; }
std::vector<Parameter> Supernet::weights() const { return impl_->network.parameters(); }

std::vector<NamedTensor> Supernet::alphas() const {
  return {{"arch.normal", impl_->normal}, {"arch.reduce", impl_->reduce}};
}

Mixture Supernet::probabilities() const { return {softmax(impl_->normal), softmax(impl_->reduce)}; }

Tensor Supernet::forward(const Tensor& images) {
  Impl& m = *impl_;
  const bool sampled = m.noise.normal.defined();
  const auto mixing = [&](const Tensor& alpha, const Tensor& noise) {
    return sampled ? hard_choice(noisy_probabilities(alpha, noise, m.temperature)) : softmax(alpha);
  };
  m.network.give("normal", mixing(m.normal, m.noise.normal));
  m.network.give("reduce", mixing(m.reduce, m.noise.reduce));
  return m.network.forward(images);
}

void Supernet::sample(Rng& rng, double temperature) {
  if (!(temperature > 0)) throw ValueError("[nas] expected a temperature > 0; got " + std::to_string(temperature));
  Impl& m = *impl_;
  m.temperature = temperature;
  m.noise = {gumbel_noise(m.normal.shape(), rng), gumbel_noise(m.reduce.shape(), rng)};
  const NoGrad no_grad;
  const Mixture p{noisy_probabilities(m.normal, m.noise.normal, temperature),
                  noisy_probabilities(m.reduce, m.noise.reduce, temperature)};
  std::vector<bool> left_out(m.network.graph().nodes().size(), false);
  for (const OwnedNodes& o : m.owned) {
    if (largest_in_row(o.reduction ? p.reduce : p.normal, o.edge) == o.op) continue;
    for (std::size_t i = o.begin; i < o.end; ++i) left_out[i] = true;
  }
  m.network.set_left_out(std::move(left_out));
}

void Supernet::use_all() {
  impl_->noise = {};
  impl_->network.set_left_out({});
}

}  // namespace tern::nas
