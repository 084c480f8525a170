#include "train/run.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "core/names.hpp"
#include "files/write.hpp"
#include "tern/error.hpp"
#include "tern/interrupt.hpp"
#include "train/circumstances.hpp"
#include "train/diverged.hpp"
#include "train/internal.hpp"
#include "train/metrics.hpp"

namespace tern {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr double kMib = 1024.0 * 1024.0;
constexpr std::int64_t kForecastSteps = 10;
// Shorter runs need no forecast, seconds.
constexpr double kShortRun = 60;

double per(double sum, std::int64_t count) { return sum / static_cast<double>(count); }

void note(const RunCallbacks& callbacks, const std::string& text) {
  if (callbacks.note) callbacks.note(text);
}

// Once the first steps have been timed.
std::string forecast(const RunPosition& p, std::int64_t steps, std::int64_t epochs) {
  const double epoch = per(p.seconds, p.step) * static_cast<double>(steps);
  const double run = epoch * static_cast<double>(epochs - p.epoch);
  if (run < kShortRun) return "";
  const auto whole = [](double x) { return std::to_string(static_cast<std::int64_t>(x + 0.5)); };
  return "forecast: " + whole(epoch) + " s an epoch, " + whole(run / 60) + " min to go without evaluation, peak " +
         whole(static_cast<double>(memory_stats().peak_bytes) / kMib) + " MiB of tensors";
}

// How fast the run goes since it was begun or resumed.
class Pace {
 public:
  Pace(const RunBody& body, const RunPosition& from) : body_(body), begun_with_(seen(from)) {}

  StepProgress progress(const RunPosition& p, std::int64_t steps, double lr) const {
    const std::int64_t epochs = body_.epochs(), done = seen(p);
    return {.epoch = p.epoch,
            .epochs = epochs,
            .step = p.step,
            .steps = steps,
            .loss = per(p.loss_sum, p.seen),
            .accuracy = per(static_cast<double>(p.correct), p.seen),
            .lr = lr,
            .images_per_second = static_cast<double>(p.seen) / p.seconds,
            .eta_seconds = per(seconds_since(begun_), std::max<std::int64_t>(done - begun_with_, 1)) *
                           static_cast<double>(epochs * body_.images() - done)};
  }

 private:
  // Images of the whole run.
  std::int64_t seen(const RunPosition& p) const { return p.epoch * body_.images() + p.seen; }

  const RunBody& body_;
  Clock::time_point begun_ = Clock::now();
  std::int64_t begun_with_;
};

void count(RunPosition& p, const StepResult& done, std::int64_t images) {
  p.loss_sum += done.loss * static_cast<double>(images);
  p.correct += done.correct;
  p.seen += images;
  ++p.step;
}

EpochSteps steps_of(const RunPosition& p, std::int64_t epochs, double lr) {
  return {.epoch = p.epoch,
          .epochs = epochs,
          .train_loss = per(p.loss_sum, p.seen),
          .train_accuracy = per(static_cast<double>(p.correct), p.seen),
          .lr = lr,
          .seconds = p.seconds,
          .images_per_second = static_cast<double>(p.seen) / p.seconds,
          .peak_mib = static_cast<double>(memory_stats().peak_bytes) / kMib};
}

// What does not change while a run runs.
struct Run {
  RunBody& body;
  const RunDirectory& directory;
  const RunSettings& settings;
  const RunCallbacks& callbacks;
  Pace pace;

  void note(const std::string& text) const {
    if (callbacks.note) callbacks.note(text);
  }
  Checkpoint state(const RunPosition& position) const {
    Checkpoint c = body.state(position.step > 0);
    c.config_toml = settings.config_toml;
    c.data = settings.data;
    c.kernels = used_kernels();
    c.position = position;
    const std::string bad = unreadable(c);
    if (!bad.empty()) throw Diverged(bad);
    return c;
  }
  void save(const RunPosition& position, const std::string& path) const { save_checkpoint(path, state(position)); }
};

Position place_of(const RunPosition& p, std::int64_t steps, std::int64_t epochs) {
  return {.epoch = p.epoch, .step = p.step, .steps_per_epoch = steps, .epochs = epochs};
}

struct Steps {
  bool stop = false, whole = true;
};

// The steps of an epoch that are left. `timed` counts those since the run was begun or resumed.
Steps run_steps(const Run& run, BatchLoader& batches, RunPosition& position, std::int64_t& timed) {
  const std::int64_t steps = batches.batches_per_epoch(), epochs = run.body.epochs();
  batches.skip(position.step);
  reset_peak_memory();
  Steps out;
  auto last = Clock::now();
  for (Batch batch; batches.next(batch);) {
    const Position where = place_of(position, steps, epochs);
    const StepResult done = run.body.step(batch, where);
    count(position, done, batch.size());
    position.seconds += seconds_since(last);
    last = Clock::now();
    if (++timed == kForecastSteps && run.settings.forecast) {
      const std::string text = forecast(position, steps, epochs);
      if (!text.empty()) run.note(text);
    }
    if (run.callbacks.step) run.callbacks.step(run.pace.progress(position, steps, run.body.lr(where)));
    out.stop = run.callbacks.stop && run.callbacks.stop();
    // Behind its last step an epoch is finished first: what it reports needs that step's gradients.
    if (position.step == steps) break;
    out.whole = !out.stop;
    const bool due = run.settings.checkpoint_steps > 0 && position.step % run.settings.checkpoint_steps == 0;
    if (!out.stop && !due) continue;
    run.save(position, run.directory.checkpoint());
    if (out.stop) break;
    last = Clock::now();
  }
  return out;
}

// Metrics are worth less than the training: if the disk is full, it goes on without them.
void write_metrics(const Run& run, const std::string& line, std::uint64_t& bytes) {
  try {
    append_metrics(run.directory.metrics(), line, bytes);
  } catch (const IoError& e) {
    run.note(std::string("warning: ") + e.what() + "; the run goes on without this line of its metrics");
  }
}

// Of an epoch of so many steps. Errors: Interrupted.
EpochEnd evaluate_epoch(const Run& run, const RunPosition& done, std::int64_t steps) {
  (void)run.state(done);  // before time is spent on evaluation
  const Interruptible evaluation(run.callbacks.interrupted);
  const std::int64_t epochs = run.body.epochs();
  RunPosition last = done;
  last.step = steps - 1;
  return run.body.end_epoch(steps_of(done, epochs, run.body.lr(place_of(last, steps, epochs))), done.best_validation);
}

// Writes what an epoch leaves. The position of the next one.
RunPosition finish_epoch(const Run& run, const RunPosition& done, const EpochEnd& end) {
  RunPosition next{.epoch = done.epoch + 1,
                   .best_validation = std::max(done.best_validation, end.validation),
                   .metrics_bytes = done.metrics_bytes};
  write_metrics(run, end.metrics, next.metrics_bytes);
  for (const std::string& name : end.checkpoints) run.save(next, run.directory.file(name));
  run.save(next, run.directory.checkpoint());
  run.body.tell_epoch();
  return next;
}

// `position` follows.
RunEnd run_all(const Run& run, RunPosition& position) {
  std::int64_t timed = 0;
  bool stop = false;
  while (!stop && position.epoch < run.body.epochs()) {
    BatchLoader& batches = run.body.batches(position.epoch);
    run.body.begin_epoch(place_of(position, batches.batches_per_epoch(), run.body.epochs()));
    const Steps done = run_steps(run, batches, position, timed);
    if (!done.whole) return {false, position.best_validation};
    stop = done.stop;
    try {
      position = finish_epoch(run, position, evaluate_epoch(run, position, batches.batches_per_epoch()));
    } catch (const Interrupted&) {
      run.save(position, run.directory.checkpoint());
      return {false, position.best_validation};
    }
  }
  return {position.epoch >= run.body.epochs(), position.best_validation};
}

}  // namespace

std::string RunDirectory::file(const std::string& name) const { return (fs::path(path_) / name).string(); }

bool RunDirectory::has_checkpoint() const {
  std::error_code ec;
  return fs::exists(checkpoint(), ec);
}

bool RunDirectory::has_settings() const {
  std::error_code ec;
  return fs::exists(file("config.toml"), ec);
}

void RunDirectory::refuse_other() const {
  throw IoError("[" + verb_ + "] \"" + path_ +
                "\" holds a run already; continue it with --resume, or choose another directory");
}

bool RunDirectory::continues(bool resume) {
  if (!resume && has_settings()) refuse_other();
  if (!resume) return false;
  if (!has_checkpoint() && !has_settings()) {
    throw IoError("[" + verb_ + "] \"" + path_ + "\" holds no run to resume");
  }
  lock_.emplace(path_);
  return has_checkpoint();
}

void RunDirectory::create() {
  if (lock_) return;
  std::error_code ec;
  fs::create_directories(path_, ec);
  if (ec) throw IoError("[" + verb_ + "] cannot create the directory \"" + path_ + "\": " + ec.message());
  lock_.emplace(path_);
  if (has_settings()) refuse_other();
}

void RunDirectory::begin(const std::string& config_toml) const {
  write_file_atomically(file("config.toml"), config_toml);
  write_file_atomically(metrics(), std::string_view());
}

void expect_unchanged(const Checkpoint& saved, const std::string& saved_toml, const RunDirectory& directory,
                      const RunSettings& settings, const RunCallbacks& callbacks, const std::string& if_changed) {
  const std::vector<Change> changed = changes(
      saved, saved_toml, {.config_toml = settings.config_toml, .data = settings.data, .kernels = current_kernels()});
  if (changed.empty()) return;
  const std::string list = join(changed, "; ", [](const Change& c) { return c.text; });
  const bool other_batches = std::any_of(changed.begin(), changed.end(),
                                         [](const Change& c) { return c.name == "batch" || c.name == "last_batch"; });
  const std::string who = "[" + directory.verb() + "] \"" + directory.path() + "\" ";
  if (!settings.resume_anyway) {
    throw Error(who + if_changed + ": " + list + ". Set back what has changed, or go on with --resume-anyway");
  }
  if (other_batches && saved.position.step > 0) {
    throw Error(who + "stands within an epoch, whose steps count batches of the old size: " + list);
  }
  note(callbacks, "resumed although " + list);
}

void keep_normalisation(const Checkpoint& saved, const RunDirectory& directory, Dataset& data) {
  const Graph graph = graph_of(saved, directory.checkpoint());
  const GraphNode& input = graph.nodes().front();
  if (input.has("mean")) data.mean = input.numbers("mean");
  if (input.has("std")) data.std = input.numbers("std");
}

RunPosition continue_run(RunBody& body, const RunDirectory& directory, const Checkpoint& saved,
                         const RunCallbacks& callbacks) {
  body.restore(saved, directory.checkpoint());
  RunPosition position = saved.position;
  const std::int64_t epoch = std::clamp<std::int64_t>(position.epoch, 0, body.epochs() - 1);
  check_position(position, body.epochs(), body.batches(epoch).batches_per_epoch(), body.images(),
                 directory.checkpoint());
  cut_metrics(directory.metrics(), position.metrics_bytes, [&](const std::string& text) { note(callbacks, text); });
  note(callbacks, "resumed at epoch " + std::to_string(position.epoch + 1) + ", step " + std::to_string(position.step));
  return position;
}

RunEnd run_epochs(RunBody& body, const RunDirectory& directory, const RunSettings& settings,
                  const RunCallbacks& callbacks, RunPosition position) {
  const Interruptible whole_steps({});
  if (callbacks.begin) callbacks.begin();
  try {
    return run_all({body, directory, settings, callbacks, Pace(body, position)}, position);
  } catch (const Diverged& e) {
    throw LostRun("[" + directory.verb() + "] diverged in epoch " + std::to_string(position.epoch + 1) +
                  ", after step " + std::to_string(position.step) + ": " + e.what() + ". " +
                  (directory.has_checkpoint() ? "The last checkpoint is kept" : "There is no checkpoint yet") +
                  "; try a smaller learning rate or clip_norm");
  }
}

}  // namespace tern
