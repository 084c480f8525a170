// Comparing methods under one recipe: every pair of weight and activation quantizer, every seed, one table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tern/public.h"
#include "tern/train.hpp"

namespace tern {

struct TERN_PUBLIC MethodPair {
  std::string weights, acts;  ///< quantizer specs; "none" is fp32 and ReLU
  std::string str() const { return weights + " / " + acts; }
  bool is_fp32() const { return weights == "none" && acts == "none"; }
};

struct TERN_PUBLIC ComparePlan {
  TrainConfig recipe;  ///< weights, acts and seed of it are replaced
  std::vector<MethodPair> pairs;
  std::vector<std::int64_t> seeds{1};
  /// Every quantized run starts from the fp32 run of its seed; none / none must then be the first pair.
  bool warm_start = false;
  std::string directory;  ///< one run directory a pair and seed in it, and table.json, table.md, table.svg
};

struct TERN_PUBLIC CompareRow {
  MethodPair pair;
  std::vector<double> accuracies;  ///< on the test images, one a seed whose run has not diverged; all else is of these
  std::size_t diverged = 0;        ///< further seeds; without others mean, gap and loss are no numbers
  double mean = 0;
  double spread = 0;           ///< sample standard deviation; 0 with one seed
  double gap = 0;              ///< mean of CompareTable::reference() minus this mean; 0 without one
  std::vector<double> losses;  ///< cross entropy on the test images, one a seed
  double loss = 0;             ///< its mean
  double zero_share = 0;       ///< of quantized weights, mean over layers and seeds
  double lowest_zero_share = 0, highest_zero_share = 0;  ///< over layers and seeds
  std::int64_t packed_bytes = 0;                         ///< of the first seed
  double seconds = 0;                                    ///< of training, mean a seed
};

struct TERN_PUBLIC CompareCallbacks {
  std::function<void(std::size_t run, std::size_t runs, const std::string& name)> start;
  std::function<void(const StepProgress&)> step;
  std::function<void(const std::string&)> note;  ///< one line worth knowing of a run, which it names
  std::function<bool()> stop;
  std::function<void()> begin;        ///< as of RunCallbacks, of each run
  std::function<bool()> interrupted;  ///< as of RunCallbacks; ends the comparison as `stop` does
};

struct TERN_PUBLIC CompareTable {
  std::vector<CompareRow> rows;  ///< in the order of the pairs
  std::size_t done = 0, runs = 0;
  /// Whose mean the gaps are from: the first fp32 pair with an accuracy; null without one.
  const CompareRow* reference() const;
  std::size_t diverged() const;  ///< runs, of `done`
  /// stop() ended it early: rows are missing, or are means over fewer seeds.
  bool partial() const { return done < runs; }
};

/// Trains what is missing, resumes what was interrupted, skips what is finished, and writes the tables. A run that
/// diverges, or ends with a loss that is hopeless(), is a note and counted in its row, and so are those that would have
/// begun with its weights; the others go on.
/// Errors: ValueError if the plan is empty, or the directory holds runs of another recipe; Error if it holds runs that
/// would come to other bits now, because data or kernels have changed or do not show, which with recipe.resume_anyway
/// is a note; IoError if another process works there; FormatError with path and line if the metrics or the result of a
/// run are damaged; those of train().
TERN_PUBLIC CompareTable compare(const ComparePlan& plan, const CompareCallbacks& callbacks = {});

/// The table as JSON (everything above), as Markdown, and as a picture: a dot a pair with its spread, and the fp32
/// line. Each says so if it is partial.
TERN_PUBLIC std::string compare_json(const CompareTable& table);
TERN_PUBLIC std::string compare_markdown(const CompareTable& table);
TERN_PUBLIC std::string compare_svg(const CompareTable& table);

}  // namespace tern
