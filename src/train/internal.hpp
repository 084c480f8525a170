// Shared by the files of the train room.
#pragma once

#include <chrono>
#include <string>

#include "tern/search.hpp"
#include "tern/train.hpp"

namespace tern {

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The optimizer that a configuration asks for: the settings momentum, nesterov, beta1 and beta2 stand where its spec
/// leaves out the option of that name. Errors: ValueError if both are given and differ, or the optimizer has no such
/// option; one that has its standard value was not given.
Spec optimizer_spec(const TrainConfig& config);
/// Of those, the ones that the optimizer does not have get their standard values.
void forget_other_optimizers(TrainConfig& config);

/// split_train_validation() with something in both parts. Errors: ValueError that begins with `verb`, naming the shares
/// that are possible.
Split hold_out(const Images& images, double share, std::uint64_t seed, const std::string& verb);

/// Errors: ValueError naming a node if a batch, the last one of an epoch included, is less than training can learn
/// from.
void expect_batches(const Network& network, std::int64_t images, std::int64_t batch, const std::string& verb);

/// Probability of dropping a path in `epoch`: d * epoch / epochs, which would reach d behind the last one.
inline double drop_path_at(const TrainConfig& config, std::int64_t epoch) {
  return config.drop_path * static_cast<double>(epoch) / static_cast<double>(config.epochs);
}

/// As a run keeps its settings: with whole paths of data, graph, genotype and pretrained weights.
TrainConfig with_whole_paths(TrainConfig config);
SearchConfig with_whole_paths(SearchConfig config);

/// Tells what was loaded as `name`. Returns the name under which it comes again: with the split of its test images.
std::string tell_data(const Dataset& data, const std::string& name, const RunCallbacks& callbacks);

/// How a configuration wants genotypes to be chosen.
nas::DiscretizeOptions discretize_options(const SearchConfig& config);
/// NAME.json, NAME.dot and NAME.svg in the run directory.
void write_genotype_files(const std::string& run_dir, const std::string& name, const nas::Genotype& genotype);

}  // namespace tern
