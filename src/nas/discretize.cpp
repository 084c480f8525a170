// From mixing probabilities to a genotype.
#include <algorithm>
#include <numeric>

#include "nas/cells.hpp"
#include "tern/error.hpp"

namespace tern::nas {
namespace {

// The best operation of one edge among those that may be chosen; `op` is -1 if there is none.
struct Best {
  int op = -1;
  double probability = -1;
};

class CellRules {
 public:
  CellRules(const SearchSpace& space, const DiscretizeOptions& rules) : space_(space), rules_(rules) {}

  CellGenotype choose(const Tensor& p) const {
    struct Kept {
      std::int64_t edge;
      Best best;
    };
    std::vector<Kept> kept;
    for (std::int64_t e = 0; e < kEdges;) {
      const int to = ends(e).to;
      std::vector<Kept> into;
      for (; e < kEdges && ends(e).to == to; ++e) into.push_back({e, best(p, e, false)});
      std::stable_sort(into.begin(), into.end(),
                       [](const Kept& a, const Kept& b) { return a.best.probability > b.best.probability; });
      kept.insert(kept.end(), into.begin(), into.begin() + 2);
    }
    if (rules_.most_weightless >= 0) {
      std::vector<Kept*> weightless;
      for (Kept& k : kept) {
        if (!has_weights(k.best.op)) weightless.push_back(&k);
      }
      std::stable_sort(weightless.begin(), weightless.end(),
                       [](const Kept* a, const Kept* b) { return a->best.probability < b->best.probability; });
      for (std::size_t i = 0; weightless.size() - i > static_cast<std::size_t>(rules_.most_weightless); ++i) {
        weightless[i]->best = best(p, weightless[i]->edge, true);
        if (weightless[i]->best.op < 0)
          throw ValueError("[discretize] the space " + space_.key + " has no operation with weights");
      }
    }
    CellGenotype out;
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = {space_.ops[static_cast<std::size_t>(kept[i].best.op)], ends(kept[i].edge).from};
    }
    return out;
  }

 private:
  static const EdgeEnds& ends(std::int64_t edge) { return cell_edges()[static_cast<std::size_t>(edge)]; }
  bool has_weights(int op) const { return candidate(space_.ops[static_cast<std::size_t>(op)]).has_weights; }

  Best best(const Tensor& p, std::int64_t edge, bool with_weights) const {
    Best out;
    const float* row = p.data<float>() + edge * p.size(1);
    for (int o = 0; o < static_cast<int>(space_.ops.size()); ++o) {
      const bool zero = space_.ops[static_cast<std::size_t>(o)] == "zero";
      if ((zero && !rules_.allow_zero) || (with_weights && !has_weights(o))) continue;
      const double probability = static_cast<double>(row[o]) / (zero ? rules_.zero_gamma : 1.0);
      if (probability > out.probability) out = {o, probability};
    }
    return out;
  }

  const SearchSpace& space_;
  const DiscretizeOptions& rules_;
};

}  // namespace

Genotype discretize(const CellOptions& options, const Mixture& p, const DiscretizeOptions& rules) {
  const CellOptions o = completed(options);
  const SearchSpace s = space(o.space);
  const Shape want{kEdges, static_cast<std::int64_t>(s.ops.size())};
  for (const Tensor& t : {p.normal, p.reduce}) {
    if (!(t.shape() == want))
      throw ShapeError("[discretize] expected probabilities of shape " + want.str() + "; got " + t.shape().str());
  }
  if (!(rules.zero_gamma > 0))
    throw ValueError("[discretize] expected zero_gamma > 0; got " + std::to_string(rules.zero_gamma));
  const CellRules cell(s, rules);
  return {.space = o.space,
          .cell_template = o.cell_template,
          .normal = cell.choose(p.normal.detach().contiguous()),
          .reduce = cell.choose(p.reduce.detach().contiguous())};
}

int weightless_edges(const CellGenotype& cell) {
  return static_cast<int>(
      std::count_if(cell.begin(), cell.end(), [](const Choice& c) { return !candidate(c.op).has_weights; }));
}

}  // namespace tern::nas
