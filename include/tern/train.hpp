// Training runs: configuration, loop, run directory, checkpoints, evaluation.
//
// A run directory holds config.toml (every setting as used), metrics.jsonl (one JSON object an epoch), last.safetensors
// (the newest checkpoint), best.safetensors (by validation accuracy, if there is a validation part) and
// epoch-N.safetensors for keep_last > 1, mapping.txt (what became of every pretrained tensor) and freeze.svg with a
// freezing policy. A checkpoint is one file: tensors, and in its metadata the graph and the state of optimizer, random
// numbers and position as JSON. It is replaced atomically, so a run can be killed at any moment and resumed; on the
// same instruction set the resumed run ends with the same bits as an undisturbed one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tern/convert.hpp"
#include "tern/data.hpp"
#include "tern/nn.hpp"
#include "tern/optim.hpp"
#include "tern/public.h"

namespace tern {

struct TERN_PUBLIC TrainConfig {
#define TERN_CONFIG(type, section, name, fallback, help) type name = fallback;
#include "tern/train_config.def"
#undef TERN_CONFIG

  /// Not part of the configuration file: folders that hold data sets (TERN_DATA).
  std::vector<std::string> data_search_path;
  /// Nor this: resume although settings, data or kernels have changed, and the run ends with other bits.
  bool resume_anyway = false;

  /// Errors: IoError if unreadable; FormatError with path and line on bad TOML, unknown keys (lists the known ones of
  /// the section) or wrong types.
  static TrainConfig load(const std::string& path);
  static TrainConfig parse(const std::string& toml, const std::string& path_for_messages);
  /// As these, but what the file does not say is as in `base`.
  static TrainConfig load(const std::string& path, const TrainConfig& base);
  static TrainConfig parse(const std::string& toml, const std::string& path_for_messages, const TrainConfig& base);
  /// Errors: ValueError naming a setting whose text is not UTF-8, which TOML cannot hold.
  std::string toml() const;
  /// Sets one field from text; with another optimizer, momentum, nesterov, beta1 and beta2 go back to their standard
  /// values where it has no such option. Errors: ValueError on an unknown name (lists the known ones) or text of the
  /// wrong type.
  void set(std::string_view name, const std::string& text);
  /// Errors: ValueError on a value outside its range, or as toml().
  void check() const;

  struct Field {
    std::string section, name, type, fallback, help;
  };
  static const std::vector<Field>& fields();
};

struct TERN_PUBLIC EvalResult {
  std::int64_t images = 0;
  std::int64_t correct = 0;
  double loss = 0;  ///< mean cross-entropy
  double seconds = 0;
  double accuracy() const { return images ? static_cast<double>(correct) / static_cast<double>(images) : 0.0; }
};

struct TERN_PUBLIC StepProgress {
  std::int64_t epoch = 0, epochs = 0;  ///< epoch from 0
  std::int64_t step = 0, steps = 0;    ///< within the epoch, step = number done
  double loss = 0, accuracy = 0;       ///< of the epoch so far
  double lr = 0;
  double images_per_second = 0;
  double eta_seconds = 0;  ///< for the whole run
};

/// The health of one quantized layer after an epoch. Empty where the layer has no such quantizer.
struct TERN_PUBLIC LayerHealth {
  std::string layer;
  std::vector<double> shares;      ///< of weight codes -max .. +max
  double flips = 0;                ///< share of weight codes that changed since the epoch began
  std::vector<double> act_shares;  ///< of activation codes lo .. hi, over one batch in evaluation mode
  int act_lo = 0;
  double saturation = 0;  ///< share of activations at hi, and at lo where lo is negative
  double grad_norm = -1;  ///< Euclidean norm of the gradient of all its parameters in the last step; -1: unknown
  std::map<std::string, double> numbers;  ///< means of learnables and scales by name, "step" of activations
};

/// The state of a freezing policy after an epoch (tern/freeze.hpp). `test` and `validation` of EpochResult have all
/// weights on the grid; these here have the relaxed weights as training used them.
struct TERN_PUBLIC FreezeResult {
  double fraction = 0;                    ///< of weights on the grid that the phase asks for
  std::int64_t relaxed = 0, weights = 0;  ///< relaxed ones, of all under the policy
  EvalResult test, validation;            ///< with relaxed weights; images == 0 if not evaluated
  bool certified = false;                 ///< every weight was found on a level
};

/// What the steps of an epoch came to.
struct TERN_PUBLIC EpochSteps {
  std::int64_t epoch = 0, epochs = 0;
  double train_loss = 0, train_accuracy = 0;
  double lr = 0;       ///< of the last step
  double seconds = 0;  ///< of the training part
  double images_per_second = 0;
  double peak_mib = 0;  ///< of tensors
};

struct TERN_PUBLIC EpochResult : EpochSteps {
  bool evaluated = false;
  EvalResult test{};
  bool has_validation = false;
  EvalResult validation{};
  std::vector<LayerHealth> health{};
  std::optional<FreezeResult> freeze{};  ///< with a freezing policy
};

/// What every run tells and asks while it runs.
struct TERN_PUBLIC RunCallbacks {
  std::function<void(const StepProgress&)> step;
  std::function<void(const std::string&)> note;  ///< one line worth knowing: data source, what was loaded
  /// Asked after each step. True: save a checkpoint and return; behind an epoch's last step once that epoch is
  /// finished.
  std::function<bool()> stop;
  /// Called before the first step: from here on there is something to keep, and `stop` is asked.
  std::function<void()> begin;
  /// Asked often, and from several threads, outside of steps (tern/interrupt.hpp). True: work on the data or before the
  /// first step ends with Interrupted; an evaluation is given up, and the run ends as for `stop`, to be resumed at that
  /// evaluation.
  std::function<bool()> interrupted;
};

struct TERN_PUBLIC TrainCallbacks : RunCallbacks {
  std::function<void(const EpochResult&)> epoch;
};

struct TERN_PUBLIC TrainResult {
  bool finished = false;  ///< false if stop() ended it early; train --resume continues
  EpochResult last;
};

/// Trains in `run_dir`, which is created once nothing is left to refuse. With `resume` it continues from
/// last.safetensors there (and config is taken from the run's config.toml by the caller). Errors: IoError if the
/// directory holds a run already and `resume` is off, or cannot be written; everything that reading data, graph and
/// config can throw; Error naming the layer if the loss is not finite (the last checkpoint stays), or as config.guard
/// says; Interrupted.
TERN_PUBLIC TrainResult train(const TrainConfig& config, const std::string& run_dir, bool resume,
                              const TrainCallbacks& callbacks = {});

/// The data set that a configuration names.
TERN_PUBLIC Dataset load_data(const TrainConfig& config);

/// The network of config.genotype: width 0 is 36, or what options=budget=N leaves.
/// Errors: those of nas::Genotype::load() and nas::final_graph(); ValueError on unknown options.
TERN_PUBLIC Graph genotype_graph(const TrainConfig& config, const Shape& input, std::int64_t classes);

/// One row a layer that quantizes something; flips are 0. `images` (normalised, [N C H W]; undefined: no activation
/// shares) run through the network, which is left in evaluation mode.
TERN_PUBLIC std::vector<LayerHealth> network_health(Network& network, const Tensor& images);

/// What is wrong with a layer, in one line, or "" if nothing: all but `tolerance` of its codes at one level, or a scale
/// or step that is not positive and finite.
TERN_PUBLIC std::string collapse(const LayerHealth& health, double tolerance = 0.002);

/// What is wrong with a mean cross-entropy, in one line, or "" if nothing: more than ten times that of a network that
/// holds all of `classes` for equally likely. A loss comes there by steps that are far too large.
TERN_PUBLIC std::string hopeless(double loss, std::int64_t classes);

/// Accuracy and loss in evaluation mode; leaves the network in it. `progress` gets images done and in all.
TERN_PUBLIC EvalResult evaluate(Network& network, const Images& images, std::int64_t batch,
                                const std::function<void(std::int64_t, std::int64_t)>& progress = {});

// ---- For a loop of your own (from images to tensors: tern/convert.hpp) ----

/// Images whose largest logit is their label's; the lowest index wins ties. logits [N K].
TERN_PUBLIC std::int64_t count_correct(const Tensor& logits, std::span<const std::int64_t> labels);
/// Weights, small ones (batch norm, biases), the quantizers' own, and weights under a freezing policy.
TERN_PUBLIC std::vector<ParamGroup> parameter_groups(const Network& network, const TrainConfig& config);

// ---- Networks that were trained ----

/// The input normalisation of a network, and where it came from: "as set", "from FILE" or "of the data set".
struct TERN_PUBLIC Normalisation {
  std::string mean, std;  ///< one number a channel, joined by ','
  std::string mean_from, std_from;
  /// For people.
  std::string line() const;
};

/// A trained network in evaluation mode, with the configuration of its run.
struct TERN_PUBLIC TrainedRun {
  TrainConfig config;
  Network network;
  ImportReport mapping;  ///< what became of every tensor of the file
  Normalisation normalisation;
  DataRecord data;  ///< of a file that keeps none: of the data set that gave the shape and classes, else empty
};
/// `checkpoint`: "best", "last", or "" for best if there is one. `run` may also be a checkpoint file. Averaged weights,
/// if the run has them, are what the network gets. Errors: IoError if there is none; FormatError on a damaged one.
TERN_PUBLIC TrainedRun load_run(const std::string& run, const std::string& checkpoint = "");

/// A network of config's topology in evaluation mode with weights by name (see import_weights) from a safetensors, npz
/// or npy file or a run. The data set gives shape and classes; config.mean and config.std, else the file, else the data
/// set the input normalisation. Errors: those of load_data() and import_weights().
TERN_PUBLIC TrainedRun load_weights(const TrainConfig& config, const std::string& from);

}  // namespace tern
