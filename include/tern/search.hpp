// Architecture search over a data set: the loop around tern/nas.hpp, with checkpoints, metrics and genotype files.
//
//   SearchConfig config;              // the paper's settings, halves excepted: tern/search_config.def
//   SearchResult r = search(config, "runs/search", /*resume=*/false);
//   TrainConfig final_run;
//   final_run.genotype = "runs/search/genotype-best.json";
//
// A run directory holds config.toml, metrics.jsonl (a line an epoch), last.safetensors, genotype-best.* (epoch with the
// best search-validation accuracy), genotype-last.* (json, dot, svg each), random-N.json, and curves.svg.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tern/nas.hpp"
#include "tern/public.h"
#include "tern/train.hpp"

namespace tern {

struct TERN_PUBLIC SearchConfig {
#define TERN_CONFIG(type, section, name, fallback, help) type name = fallback;
#include "tern/search_config.def"
#undef TERN_CONFIG

  /// Not part of the configuration file: folders that hold data sets (TERN_DATA).
  std::vector<std::string> data_search_path;
  /// Nor this: resume although settings, data or kernels have changed, and the run ends with other bits.
  bool resume_anyway = false;

  /// As the functions of TrainConfig.
  static SearchConfig load(const std::string& path);
  static SearchConfig parse(const std::string& toml, const std::string& path_for_messages);
  std::string toml() const;
  void set(std::string_view name, const std::string& text);
  void check() const;
  static const std::vector<TrainConfig::Field>& fields();
};

/// Measured on a few steps before the search begins; what they changed is undone.
struct TERN_PUBLIC SearchForecast {
  double step_seconds = 0;
  double seconds = 0;           ///< of what is left of the search, accuracy measurements included
  std::int64_t peak_bytes = 0;  ///< of tensors
  std::int64_t weights = 0;     ///< of the network under search
};

struct TERN_PUBLIC SearchEpoch : EpochSteps {
  EvalResult validation{};   ///< of the mixed network on alpha's half
  double entropy = 0;        ///< mean over the edges, nats
  nas::Mixture mixture{};    ///< softmax of alpha after this epoch
  nas::Genotype genotype{};  ///< of that mixture
  int weightless_normal = 0, weightless_reduce = 0;
  bool best = false;
};

struct TERN_PUBLIC SearchCallbacks : RunCallbacks {
  std::function<void(const SearchForecast&)> forecast;
  std::function<void(const SearchEpoch&)> epoch;
};

struct TERN_PUBLIC SearchResult {
  bool finished = false;
  SearchEpoch last;
  nas::Genotype best;
  double best_accuracy = 0;
};

/// Per mini-batch: one Adam step of alpha on a random batch of its half, then one SGD step of the weights on a batch of
/// theirs. Statistics (batch norm, activation quantizers) do not move in the first.
///   loss of alpha = CE - lambda exp(-epoch / tau) H(p) + limit_weight sum over limits of max(0, expected cost / limit
///   - 1)
/// Resuming ends with the bits of an undisturbed run on the same instruction set.
/// Errors: as train(); Error if the loss is not finite (the last checkpoint stays).
TERN_PUBLIC SearchResult search(const SearchConfig& config, const std::string& run_dir, bool resume,
                                const SearchCallbacks& callbacks = {});

/// Chooses the genotypes of a search anew by other rules: max_weightless, zero_gamma and allow_zero of `config`, whose
/// other settings are those of the search. Reads the mixtures in metrics.jsonl, writes genotype-best.* and
/// genotype-last.*, trains nothing. Errors: IoError; FormatError naming the line of metrics.jsonl.
TERN_PUBLIC SearchResult choose_again(const SearchConfig& config, const std::string& run_dir);

// ---- learning curves ----

struct TERN_PUBLIC Curve {
  std::string label;
  std::vector<double> x, y;
};
/// A line chart as SVG. Errors: ValueError if there are no points, or x and y differ in length.
TERN_PUBLIC std::string curves_svg(const std::vector<Curve>& curves, const std::string& title,
                                   const std::string& x_label, const std::string& y_label);
/// Accuracy in percent over epochs from the metrics.jsonl of a training run (test) or a search (search validation).
/// Errors: IoError; FormatError with path and line, also if an epoch is outside of 0 .. 2^24 or an accuracy of 0 .. 1.
TERN_PUBLIC Curve accuracy_curve(const std::string& run_dir, const std::string& label);
/// Mean training loss of each epoch, from the same file. Errors: as above.
TERN_PUBLIC Curve loss_curve(const std::string& run_dir, const std::string& label);
/// Accuracy and, below it, training loss of several runs as SVG; a label a run. Errors: those of the curves; ValueError
/// if no run has an epoch.
TERN_PUBLIC std::string run_curves_svg(const std::vector<std::string>& runs, const std::vector<std::string>& labels);

}  // namespace tern
