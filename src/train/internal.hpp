// Shared by the files of the train room.
#pragma once

#include <chrono>
#include <span>

#include "tern/data.hpp"
#include "tern/graph.hpp"
#include "tern/optim.hpp"
#include "tern/search.hpp"
#include "tern/tensor.hpp"
#include "tern/train.hpp"

namespace tern {

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The normalisation that a graph's input node carries (mean 0, std 1 if it has none).
Normalizer normalizer_of(const Graph& graph);
Tensor batch_tensor(const Batch& batch);
/// Images whose largest logit is their label's; the lowest index wins ties.
std::int64_t count_correct(const Tensor& logits, std::span<const std::int64_t> labels);

/// Probability of dropping a path in `epoch`: d * epoch / epochs, which would reach d behind the last one.
inline double drop_path_at(const TrainConfig& config, std::int64_t epoch) {
  return config.drop_path * static_cast<double>(epoch) / static_cast<double>(config.epochs);
}
/// Weights, small ones (batch norm, biases), the quantizers' own, and weights under a freezing policy.
std::vector<ParamGroup> parameter_groups(const Network& network, const TrainConfig& config);

/// How a configuration wants genotypes to be chosen.
nas::DiscretizeOptions discretize_options(const SearchConfig& config);
/// NAME.json, NAME.dot and NAME.svg in the run directory.
void write_genotype_files(const std::string& run_dir, const std::string& name, const nas::Genotype& genotype);

}  // namespace tern
