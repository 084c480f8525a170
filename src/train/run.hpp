// A run: a directory, epochs of batches, checkpoints. The loop stands here, once; what is done with a batch and at the
// end of an epoch is its RunBody's, of which there are two: training (train.cpp) and search (search.cpp).
//
// What makes a resumed run end with the bits of an undisturbed one: the order of samples and their augmentation are
// functions of (seed, epoch, index); learning rates of the position; everything else that changes is in the checkpoint;
// and no result depends on the number of threads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "files/lock.hpp"
#include "tern/data.hpp"
#include "tern/optim.hpp"
#include "tern/train.hpp"
#include "train/checkpoint.hpp"

namespace tern {

/// The directory of a run, which belongs to one process at a time (files/lock.hpp).
class RunDirectory {
 public:
  /// `verb` begins its messages.
  RunDirectory(std::string path, std::string verb) : path_(std::move(path)), verb_(std::move(verb)) {}

  const std::string& path() const { return path_; }
  const std::string& verb() const { return verb_; }
  std::string file(const std::string& name) const;
  std::string checkpoint() const { return file("last.safetensors"); }
  std::string metrics() const { return file("metrics.jsonl"); }
  bool has_checkpoint() const;

  /// True if there is a checkpoint to continue from; false if the run begins, which a run that was killed before its
  /// first checkpoint does once more. Errors: IoError if `resume` finds no run, or there is one without it, or another
  /// process is at it.
  bool continues(bool resume);
  /// Makes the directory: when nothing is left to refuse. Errors: IoError, also if another run has begun there since.
  void create();
  /// The settings, by which a directory is known to hold a run, and metrics without a line. Errors: IoError.
  void begin(const std::string& config_toml) const;

 private:
  bool has_settings() const;
  [[noreturn]] void refuse_other() const;

  std::string path_, verb_;
  std::optional<FolderLock> lock_;
};

/// What a step came to.
struct StepResult {
  double loss = 0;  ///< mean over its images, before the step
  std::int64_t correct = 0;
};

/// What an epoch leaves.
struct EpochEnd {
  std::string metrics{};                   ///< its line, newline included
  double validation = -1;                  ///< accuracy to judge by, -1: none
  std::vector<std::string> checkpoints{};  ///< names under which its checkpoint is kept beside the last one
};

class RunBody {
 public:
  virtual ~RunBody() = default;
  /// Of the whole run, as far as is known; may become fewer at the end of an epoch.
  virtual std::int64_t epochs() const = 0;
  /// Images of an epoch.
  virtual std::int64_t images() const = 0;
  /// The batches of an epoch, at the first of them. The loader lives until the next call.
  virtual BatchLoader& batches(std::int64_t epoch) = 0;
  /// Before the steps of an epoch, of which a resumed run has at.step behind it.
  virtual void begin_epoch(const Position& at) = 0;
  /// Errors: Diverged if the loss is not finite.
  virtual StepResult step(const Batch& batch, const Position& where) = 0;
  /// The learning rate of a step.
  virtual double lr(const Position& where) const = 0;
  /// Behind the last step: evaluates. `best`: the highest EpochEnd::validation so far, -1: none. Errors: as step();
  /// Interrupted, and nothing has changed.
  virtual EpochEnd end_epoch(const EpochSteps& steps, double best) = 0;
  /// Once the checkpoint behind that epoch is written: tells how it went.
  virtual void tell_epoch() = 0;
  /// Everything that changes but the position; `within` an epoch or between two.
  virtual Checkpoint state(bool within) = 0;
  /// What state() gave. Errors: FormatError naming the file and what does not fit.
  virtual void restore(const Checkpoint& checkpoint, const std::string& file) = 0;
};

/// What the loop itself follows.
struct RunSettings {
  std::string config_toml;            ///< for checkpoints
  DataRecord data;                    ///< likewise
  std::int64_t checkpoint_steps = 0;  ///< steps between checkpoints, 0: at epoch ends only
  bool resume_anyway = false;         ///< although circumstances have changed
  bool forecast = false;              ///< a note how long it will take, if that is long
};

inline constexpr const char* kOtherBits = "would not end with the bits of an undisturbed run";
/// Whether a run can go on from `saved`, whose settings read as `saved_toml`, to the bits of an undisturbed run; of one
/// that is finished, whether it would come to the same bits now. `if_changed` says in a message what would not be so.
/// Errors: Error naming what has changed; a note instead with resume_anyway, but not for another batch within an epoch.
void expect_unchanged(const Checkpoint& saved, const std::string& saved_toml, const RunDirectory& directory,
                      const RunSettings& settings, const RunCallbacks& callbacks,
                      const std::string& if_changed = kOtherBits);

/// Data that have changed do not change the input normalisation of a run that goes on: it is in the checkpoint's graph.
/// Errors: FormatError on a bad graph.
void keep_normalisation(const Checkpoint& saved, const RunDirectory& directory, Dataset& data);

/// Puts the state of `saved`, read from the directory, into `body`, cuts off metrics behind it, and gives its position.
/// Errors: FormatError if it does not fit; IoError.
RunPosition continue_run(RunBody& body, const RunDirectory& directory, const Checkpoint& saved,
                         const RunCallbacks& callbacks);

struct RunEnd {
  bool finished = false;  ///< false: it was asked to stop, or interrupted
  double best = -1;       ///< the highest EpochEnd::validation, -1: none
};
/// Runs what is left behind `position`. Metrics that cannot be written are a note, no end: training is dearer.
/// Errors: LostRun if it diverges, for which no checkpoint is replaced; whatever else `body` throws; IoError if a
/// checkpoint cannot be written, and the one before stays.
RunEnd run_epochs(RunBody& body, const RunDirectory& directory, const RunSettings& settings,
                  const RunCallbacks& callbacks, RunPosition position);

}  // namespace tern
