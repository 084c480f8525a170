// Pretrained weights for a network: which checkpoint of a run, its tensors, the input normalisation that it expects.
#pragma once

#include <string>

#include "tern/safetensors.hpp"
#include "tern/train.hpp"

namespace tern {

/// The file of a run's checkpoint ("best", "last", or "" for best if there is one); `run` may be a file already.
/// Errors: IoError if there is none.
std::string checkpoint_path(const std::string& run, const std::string& checkpoint);

struct Pretrained {
  std::string path;
  SafetensorsFile file;
};
/// Of a run directory the checkpoint that evaluation takes; otherwise a safetensors, npz or npy file.
/// Errors: IoError, FormatError.
Pretrained read_pretrained(const std::string& from);

/// Weights expect the input that they were trained with: where config.mean or config.std is empty it becomes what the
/// file says, in a checkpoint's graph or in plain metadata. What neither gives stays empty: the data set's will be
/// used. Errors: FormatError if the file says something that is no list of numbers.
Normalisation take_normalisation(TrainConfig& config, const Pretrained* pretrained);
/// Fills in the values that the network came to use.
void complete(Normalisation& normalisation, const Graph& graph);

/// The graph of a configuration, its input fitted to the data.
Graph build_graph(const TrainConfig& config, const Dataset& data, const ImageShape& shape);

}  // namespace tern
