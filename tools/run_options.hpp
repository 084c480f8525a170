// Options of the verbs that take a trained run and look at data.
#pragma once

#include <string>

#include "config_options.hpp"
#include "tern/data.hpp"
#include "tern/train.hpp"

namespace tern::cli {

/// load_run(), with advice where `run` is a packed file or `checkpoint` is neither best nor last.
TrainedRun load_trained(const std::string& run, const std::string& checkpoint);
/// Refuses a packed file where a run is expected: IoError.
void expect_run(const std::string& run);
/// Refuses a run or a checkpoint where a packed file is expected: IoError that says how to get one.
void expect_packed(const std::string& file);

/// The data set of a run as it is found now: a path that is not whole was written by hand and counts from here, or from
/// the run. Errors: IoError that names the places and ends in `advice`.
std::string data_of_run(const std::string& data, const std::string& run, const std::string& advice);

/// Test images as a network takes them, with its outputs as labels.
struct TestSet {
  std::string name, source;
  std::vector<std::string> notes;  ///< what was left out, where test images come from, how classes were matched
  Images images;
};

struct RunOptions {
  std::string run, checkpoint, data_name, data_dir;
  Overrides plain;  ///< topology and normalisation for weights that are no checkpoint of tern
  bool allow_missing = false;
  std::int64_t batch = 100;
  std::int64_t limit = 0;

  bool is_plain() const { return plain.contains("model") || plain.contains("graph"); }
  /// The run, or the plain weights. Errors: ValidationError for options that belong to the other; those of
  /// load_trained() and load_weights().
  TrainedRun load() const;
  /// Of the data set named by --data, else of the one of `config`, for a network that keeps `record`. Both come from
  /// `source`, a run directory or a file; a file may be somebody else's, so that no path is opened because it says so.
  /// Errors: IoError for such a path; Error if the set has no test images; those of load_dataset() and match_classes().
  TestSet test_set(const TrainConfig& config, const std::string& source, const DataRecord& record, const Shape& input,
                   std::int64_t outputs) const;
};
/// The run as a positional argument or --run, --checkpoint, --data, --data-dir, and --model, --graph and the like for
/// plain weights. `options` must outlive `app`, here and below.
void add_trained_options(App& app, RunOptions& options);
/// Those, --batch and --limit.
void add_run_options(App& app, RunOptions& options);
/// --data, --data-dir, --batch, --limit alone.
void add_data_options(App& app, RunOptions& options);
/// --max-work, of packed files.
void add_max_work(App& app, double& max_work);

}  // namespace tern::cli
