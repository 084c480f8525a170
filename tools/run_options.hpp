// Options of the verbs that take a trained run and look at data.
#pragma once

#include <string>

#include "cli.hpp"
#include "tern/data.hpp"
#include "tern/train.hpp"

namespace tern::cli {

/// load_run(), with advice where `run` is a packed file or `checkpoint` is neither best nor last.
TrainedRun load_trained(const std::string& run, const std::string& checkpoint);
/// Refuses a packed file where a run is expected: IoError.
void expect_run(const std::string& run);
/// Refuses a run or a checkpoint where a packed file is expected: IoError that says how to get one.
void expect_packed(const std::string& file);

struct RunOptions {
  std::string run, checkpoint, data_name, data_dir;
  std::int64_t batch = 100;
  std::int64_t limit = 0;

  TrainedRun load() const { return load_trained(run, checkpoint); }
  /// The data set named by --data, else the one of the run.
  Dataset data(TrainConfig config) const;
};
/// Adds the run as a positional argument, --checkpoint, and the data options.
void add_run_options(App& app, RunOptions& options);
/// --data, --data-dir, --batch, --limit alone.
void add_data_options(App& app, RunOptions& options);

/// Images of the shape C H W that a network takes.
Images fit_images(const Images& images, const Shape& shape);

}  // namespace tern::cli
