// Differentiable architecture search in the ternary domain: search spaces, cells, networks under search, genotypes, and
// one step of the bilevel search. The loop over a data set is search() of tern/search.hpp.
//
//   nas::CellOptions options{.space = "tas", .cells = 8, .width = 16};
//   nas::Supernet net(options, /*seed=*/1);          // all candidates on all edges, mixed by softmax(alpha)
//   ... train weights and alpha in turn: nas::first_order_gradient() or nas::second_order_gradient() ...
//   nas::Genotype g = nas::discretize(options, net.probabilities());
//   Network final(nas::final_graph(g, {.space = "tas", .cells = 20, .width = 36}), 1);
//
// Paper: Loni, Mousavi, Riazati, Daneshtalab, Sjodin, "TAS: ternarized neural architecture search for
// resource-constrained edge devices", 2022. The bilevel step: Liu, Simonyan, Yang, "DARTS: differentiable architecture
// search", 2019. The skip between cells and the entropy term: Kim, Singh, Choi, "Learning architectures for binary
// networks", 2020.
//
// A cell has seven nodes: inputs 0 (output of the cell before the last) and 1 (of the last cell), nodes 2..5, and the
// output, which joins 2..5 along the channels. Node j reads all earlier nodes while searching, two of them afterwards.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tern/nn.hpp"
#include "tern/optim.hpp"
#include "tern/public.h"

namespace tern::nas {

inline constexpr int kInputs = 2;                      ///< nodes 0 and 1 of a cell
inline constexpr int kInner = 4;                       ///< nodes 2..5
inline constexpr std::int64_t kEdges = 2 + 3 + 4 + 5;  ///< of a cell under search

/// The edges of a cell in order: into node 2 from 0 1, into node 3 from 0 1 2, and so on.
struct TERN_PUBLIC EdgeEnds {
  int from, to;
};
TERN_PUBLIC const std::array<EdgeEnds, kEdges>& cell_edges();

// ---- candidate operations ----

/// Where an operation is built: what it reads, what it must give, and whether its batch norm learns.
struct TERN_PUBLIC EdgePlace {
  Graph& graph;
  std::string input;   ///< node that it reads: `channels` channels
  std::string prefix;  ///< of the names of its nodes
  std::int64_t channels = 1;
  std::int64_t stride = 1;    ///< 1 or 2
  bool searching = false;     ///< batch norm is not affine, and pools are followed by one
  std::string weights, acts;  ///< quantizer specs, "none" for fp32
  /// Appends a node named prefix + local.
  std::string add(const std::string& local, const std::string& op, const std::string& input_name,
                  std::vector<std::pair<std::string, std::string>> attrs = {}) const;
};

/// Appends the operation's nodes and returns the name of its result: `channels` channels, extents ceil(in / stride). An
/// empty name stands for the operation whose result is zero.
using CandidateBuilder = std::function<std::string(const EdgePlace&)>;

struct TERN_PUBLIC Candidate {
  std::string key;
  std::string help;
  bool has_weights = false;  ///< false for pools, skip and zero
  CandidateBuilder build;
};
TERN_PUBLIC std::vector<Candidate> candidates();
/// Errors: ValueError listing the known keys.
TERN_PUBLIC Candidate candidate(std::string_view key);
/// Adds one from outside tern. Errors: tern/registry.hpp.
TERN_PUBLIC void register_candidate(Candidate candidate);

// ---- search spaces ----

/// A list of candidates and the conventions around them.
struct TERN_PUBLIC SearchSpace {
  std::string key, help;
  std::vector<std::string> ops;   ///< keys of candidates, in the order of the columns of alpha
  std::string weights, acts;      ///< quantizers that the space is meant for
  std::string cell_template;      ///< default: tas, darts, resnet
  bool norm_first = false;        ///< BN - act - conv - ReLU instead of act - conv - BN; the stem's BN sees the image
  bool float_preprocess = false;  ///< the two convolutions in front of a cell stay fp32 while searching
  bool allow_zero = true;         ///< `zero` may be part of a genotype
  int order = 1;                  ///< of the gradient of alpha
  double entropy_weight = 1;      ///< lambda
};
TERN_PUBLIC std::vector<SearchSpace> spaces();
/// Errors: ValueError listing the known keys.
TERN_PUBLIC SearchSpace space(std::string_view key);
/// Adds one from outside tern. Errors: tern/registry.hpp; ValueError if an operation is unknown.
TERN_PUBLIC void register_space(SearchSpace space);

// ---- cells and networks ----

/// How cells are joined (figure 2 of the paper).
///   tas     two inputs, and  c_k = cell(c_{k-2}, c_{k-1}) + c_{k-1}
///   darts   two inputs, no skip between cells
///   resnet  one input (both are c_{k-1}), and the same skip as tas
/// At a reduction cell the skip halves the image and doubles the channels:
///   conv2x2_fp         BN, then an fp32 2x2 convolution of stride 2 with bias
///   conv2x2_ternary    BN, act, then the same convolution with quantized weights
///   avgpool_duplicate  2x2 average, channels twice: no weights
struct TERN_PUBLIC CellOptions {
  std::string space = "tas";
  std::string cell_template = {};  ///< "": the space's own
  std::string reduction_skip = "conv2x2_fp";
  std::string weights = {}, acts = {};  ///< "": the space's own
  std::int64_t cells = 20;              ///< reductions at cells / 3 and 2 cells / 3
  std::int64_t width = 36;              ///< C: channels of the first cells' nodes, doubled by each reduction
  Shape input{3, 32, 32};               ///< extents must be divisible by 4
  std::int64_t classes = 10;
  std::string mean = {}, std = {};  ///< of the input node: one number a channel, joined by ','; "": none
  bool drop_path = true;            ///< final network: a drop_path node behind every operation
};
TERN_PUBLIC const std::vector<std::string>& cell_templates();
TERN_PUBLIC const std::vector<std::string>& reduction_skips();
/// True for the cells that halve the image.
TERN_PUBLIC bool is_reduction(const CellOptions& options, std::int64_t cell);

/// Two edges for each inner node, in the order of the nodes: pairs 2i, 2i + 1 feed node 2 + i.
struct TERN_PUBLIC Choice {
  std::string op;
  int from = 0;
  friend bool operator==(const Choice&, const Choice&) = default;
};
using CellGenotype = std::array<Choice, 2 * kInner>;

struct TERN_PUBLIC Genotype {
  std::string space = "tas";
  std::string cell_template;  ///< that it was searched with
  CellGenotype normal, reduce;
  friend bool operator==(const Genotype&, const Genotype&) = default;

  /// {"space":..., "template":..., "normal":[["tconv3",1],...], "normal_concat":[2,3,4,5], "reduce":...,
  /// "reduce_concat":...}
  std::string json() const;
  /// "space" may be missing (tas), and "template" (the space's own).
  /// Errors: FormatError naming the key that is missing, unknown or out of place; operations must belong to the space.
  static Genotype parse(const std::string& json, const std::string& path_for_messages);
  /// Errors: those of parse(), and IoError.
  static Genotype load(const std::string& path);
};

/// The network of a genotype (docs/search.md): zero edges are not there, batch norm is affine, pools have
/// none. Its training drops paths if drop_path is on.
/// Errors: ValueError on an unknown space, template or operation, or a cell without any result; ShapeError if the image
/// cannot be halved twice.
TERN_PUBLIC Graph final_graph(const Genotype& genotype, const CellOptions& options);

/// Convolution and dense weights of the network of a genotype; `quantized` of them are not fp32.
struct TERN_PUBLIC WeightCount {
  std::int64_t all = 0, quantized = 0, parameters = 0, macs = 0;
};
TERN_PUBLIC WeightCount count_weights(const Graph& graph);
/// The largest even width whose network has at most `budget` weights. Errors: ValueError if width 2 has more.
TERN_PUBLIC std::int64_t width_for_budget(const Genotype& genotype, CellOptions options, std::int64_t budget);

/// Uniform over the space: for each inner node two different earlier nodes, for each edge one operation (zero only if
/// the space allows it). The baseline that a search has to beat.
TERN_PUBLIC Genotype random_genotype(const CellOptions& options, Rng& rng);

// ---- pictures ----

/// Both cells in DOT.
TERN_PUBLIC std::string genotype_dot(const Genotype& genotype);
/// Both cells as a drawing, without the help of other programs.
TERN_PUBLIC std::string genotype_svg(const Genotype& genotype);

// ---- the network under search ----

/// Mixing weights of the two cell types, [14, ops] each, rows summing to 1.
struct TERN_PUBLIC Mixture {
  Tensor normal, reduce;
};

/// All candidates on all edges of all cells, and the architecture parameters alpha that mix them:
///   edge(x) = sum_o p_o o(x),   p = softmax(alpha row)
/// The network itself is a Graph like any other; its `given` nodes "normal" and "reduce" take p.
class TERN_PUBLIC Supernet {
 public:
  /// alpha = 1e-3 * normal. Errors: those of final_graph().
  Supernet(const CellOptions& options, std::uint64_t seed);
  Supernet(Supernet&&) noexcept;
  Supernet& operator=(Supernet&&) noexcept;
  ~Supernet();

  const CellOptions& options() const;
  const SearchSpace& space() const;
  Network& network();
  /// Leaves: "arch.normal" and "arch.reduce", [14, ops].
  std::vector<NamedTensor> alphas() const;
  /// softmax of alpha, with history if alpha wants gradients.
  Mixture probabilities() const;
  Tensor forward(const Tensor& images);

  /// From now on each edge runs one operation only, drawn for both cell types at each call; probabilities of the draw
  /// are softmax((alpha + Gumbel noise) / temperature), and alpha gets the gradient of that softmax (straight through).
  /// Memory and time of one path instead of all. Paper: Dong, Yang, "Searching for a robust neural architecture in four
  /// GPU hours", 2019.
  void sample(Rng& rng, double temperature);
  /// Back to all operations.
  void use_all();
  /// Weights, quantizer parameters and biases: everything but alpha.
  std::vector<Parameter> weights() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The graph of it. Errors: as final_graph().
TERN_PUBLIC Graph supernet_graph(const CellOptions& options);

// ---- from probabilities to a genotype ----

struct TERN_PUBLIC DiscretizeOptions {
  bool allow_zero = true;    ///< false: DARTS' rule, `zero` is no candidate
  double zero_gamma = 1;     ///< what the probability of `zero` is divided by, > 0
  int most_weightless = -1;  ///< cap on edges without weights (zero, pools, skip) in a cell; -1: none. The least
                             ///< certain of them take their best operation with weights instead
};
/// For each inner node the two edges with the largest operation probability, and on each of them that operation. Ties:
/// lower edge, then lower operation. Errors: ShapeError; ValueError if a cap is set in a space without weights.
TERN_PUBLIC Genotype discretize(const CellOptions& options, const Mixture& p, const DiscretizeOptions& rules = {});
/// Edges of a cell whose operation has no weights, and among them those that are zero.
TERN_PUBLIC int weightless_edges(const CellGenotype& cell);

// ---- terms of the objective ----

/// Mean over all rows of both matrices of -sum_o p_o ln p_o, in nats. Differentiable.
TERN_PUBLIC Tensor mean_entropy(const Mixture& p);

/// Cost of every operation in the network that a genotype of this space would become, summed over the cells of a type.
struct TERN_PUBLIC CostTable {
  Tensor normal, reduce;  ///< [14, ops], already weighted by 2 / (number of edges into the node): two are kept
  double fixed = 0;       ///< of everything that does not depend on the genotype
};
enum class Cost { kBytes, kMacs };
/// kBytes: packed weights, ternary at 1.6 bits, binary at 1, fp32 at 32. kMacs: multiply-accumulates of one image.
TERN_PUBLIC CostTable cost_table(const CellOptions& final_options, Cost cost);
/// Expected cost: fixed + sum p * table. Differentiable.
TERN_PUBLIC Tensor expected_cost(const Mixture& p, const CostTable& table);

// ---- one step of the search ----

/// A weight as SGD sees it: what the look-ahead step of the second order needs.
struct TERN_PUBLIC InnerWeight {
  Tensor value;
  Tensor momentum;  ///< SGD's buffer; undefined: zero
  double weight_decay = 0;
};

struct TERN_PUBLIC InnerProblem {
  std::vector<InnerWeight> weights;
  std::vector<Tensor> alphas;
  std::function<Tensor()> train_loss, validation_loss;  ///< record a loss from the current values
  double momentum = 0.9;
};

/// d L_val / d alpha at the current weights, into grad() of the alphas. Weights take no gradient meanwhile, so nothing
/// is computed for them. Returns the validation loss.
TERN_PUBLIC double first_order_gradient(const InnerProblem& problem);

/// d L_val(w'(alpha), alpha) / d alpha with  w' = w - xi (dL_train/dw + weight_decay w + momentum buffer), by the
/// difference quotient of DARTS:
///   v = dL_val/dw at w';   grad = dL_val/dalpha at w' - xi [dL_train/dalpha (w + e v) - dL_train/dalpha (w - e v)] /
///   (2 e), e = 0.01 / ||v||_2 over all weights
/// Weights have their old values afterwards, bit for bit. Returns L_val at w'. Cost: about 2.5 first-order steps.
TERN_PUBLIC double second_order_gradient(const InnerProblem& problem, double xi);

}  // namespace tern::nas
