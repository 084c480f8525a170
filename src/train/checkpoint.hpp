// Checkpoints: one safetensors file with the network's tensors ("net."), the optimizer's ("optim."), averaged weights
// if there are any ("ema."), masks of a freezing policy ("freeze."), within an epoch the weight codes that it began
// with ("codes."), and in the metadata the graph text, the configuration, the position of the run, the record of its
// data, and the kernels that computed it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tern/data.hpp"
#include "tern/nn.hpp"
#include "tern/train.hpp"

namespace tern {

/// Where a run stands. Everything here is exact: doubles travel as their shortest round-trip text.
struct RunPosition {
  std::int64_t epoch = 0;  ///< the epoch that is under way or about to begin
  std::int64_t step = 0;   ///< steps of it that are done
  double loss_sum = 0;     ///< over those steps, weighted by images
  std::int64_t correct = 0, seen = 0;
  double seconds = 0;               ///< spent in them
  double best_validation = -1;      ///< accuracy
  std::uint64_t metrics_bytes = 0;  ///< length of metrics.jsonl
};

/// What sums of floats depend on besides their terms. Empty: not known, or not used.
struct Kernels {
  std::string isa;   ///< instruction set
  std::string blas;  ///< of the BLAS library
};

struct Checkpoint {
  std::string graph_text{}, config_toml{};
  RunPosition position{};
  std::uint64_t rng_position = 0;  ///< of the network's random numbers, or of the paths that a search draws
  std::vector<NamedTensor> network{}, optimizer{};
  std::vector<NamedTensor> averages{};  ///< with ema
  std::vector<NamedTensor> freeze{};    ///< with a freezing policy
  std::string freeze_state{};
  std::vector<NamedTensor> codes{};  ///< of the quantized layers when the epoch began, if it has steps already
  DataRecord data{};
  Kernels kernels{};
};

/// Whether the position lies within a run of `epochs` epochs of `steps` steps over `images` images. With all steps of
/// its epoch done, their evaluation is what comes next.
/// Errors: FormatError naming the file and what it says.
void check_position(const RunPosition& position, std::int64_t epochs, std::int64_t steps, std::int64_t images,
                    const std::string& path);

/// What restore() would refuse, naming layer and tensor; "" if nothing.
std::string unreadable(const Checkpoint& checkpoint);

void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);
/// Errors: IoError if missing; FormatError if damaged or not a checkpoint of tern.
Checkpoint load_checkpoint(const std::string& path);

/// For a network that will be restored from `from`: refuses a tensor that is missing there or has another shape.
/// Errors: FormatError naming the tensor and both shapes.
ShapeCheck shapes_of(const std::vector<NamedTensor>& from, const std::string& path);

/// Errors: FormatError with path and what is wrong with the graph, which begins with a node.
Graph graph_of(const Checkpoint& checkpoint, const std::string& path);
/// The network of the checkpoint's graph, built only as far as its shapes are those of the tensors; not restored yet.
/// Errors: FormatError with path and what is wrong with the graph.
Network network_of(const Checkpoint& checkpoint, std::uint64_t seed, const std::string& path);

/// Copies values by name into `to`. Errors: FormatError naming what is missing, left over or of another shape.
void restore(const std::vector<NamedTensor>& from, const std::vector<NamedTensor>& to, const std::string& path);

}  // namespace tern
