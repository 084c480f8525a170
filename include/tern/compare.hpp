// Comparing methods under one recipe: every pair of weight and activation quantizer, every seed, one table.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tern/train.hpp"

namespace tern {

struct MethodPair {
  std::string weights, acts;  ///< quantizer specs; "none" is fp32 and ReLU
  std::string str() const { return weights + " / " + acts; }
};

struct ComparePlan {
  TrainConfig recipe;  ///< weights, acts and seed of it are replaced
  std::vector<MethodPair> pairs;
  std::vector<std::int64_t> seeds{1};
  /// Every quantized run starts from the fp32 run of its seed; none / none must then be the first pair.
  bool warm_start = false;
  std::string directory;  ///< one run directory a pair and seed in it, and table.json, table.md, table.svg
};

struct CompareRow {
  MethodPair pair;
  std::vector<double> accuracies;  ///< on the test images, one a seed
  double mean = 0;
  double spread = 0;                                     ///< sample standard deviation; 0 with one seed
  double gap = 0;                                        ///< mean of the first fp32 pair minus this mean; 0 without one
  std::vector<double> losses;                            ///< cross entropy on the test images, one a seed
  double loss = 0;                                       ///< its mean
  double zero_share = 0;                                 ///< of quantized weights, mean over layers and seeds
  double lowest_zero_share = 0, highest_zero_share = 0;  ///< over layers and seeds
  std::int64_t packed_bytes = 0;                         ///< of the first seed
  double seconds = 0;                                    ///< of training, mean a seed
};

struct CompareCallbacks {
  std::function<void(std::size_t run, std::size_t runs, const std::string& name)> start;
  std::function<void(const StepProgress&)> step;
  std::function<bool()> stop;
};

/// Trains what is missing, resumes what was interrupted, skips what is finished, and writes the tables. Rows are in the
/// order of the pairs; if stop() ended it early, they hold what is there.
/// Errors: ValueError if the plan is empty, or the directory holds runs of another recipe; FormatError with path and
/// line if the metrics or the result of a run are damaged; those of train().
std::vector<CompareRow> compare(const ComparePlan& plan, const CompareCallbacks& callbacks = {});

/// The table as JSON (an array, everything above), as Markdown, and as a picture: a bar a pair with its spread, and the
/// fp32 line.
std::string compare_json(const std::vector<CompareRow>& rows);
std::string compare_markdown(const std::vector<CompareRow>& rows);
std::string compare_svg(const std::vector<CompareRow>& rows);

}  // namespace tern
