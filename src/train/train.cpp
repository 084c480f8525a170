// A training run: its data and network, and what it adds to the loop of run.hpp.
#include "tern/train.hpp"

#include <filesystem>
#include <set>

#include "files/write.hpp"
#include "tern/convert.hpp"
#include "tern/error.hpp"
#include "tern/interrupt.hpp"
#include "train/diverged.hpp"
#include "train/internal.hpp"
#include "train/metrics.hpp"
#include "train/pretrained.hpp"
#include "train/run.hpp"
#include "train/training_step.hpp"
#include "train/weight_codes.hpp"

namespace tern {
namespace {

struct TrainingImages {
  Images train;
  Images first, validation, test;  // as evaluation sees them; `first` are the first of `train`, one batch
};

class Training final : public RunBody {
 public:
  /// Errors: those of TrainingStep; ShapeError if the network has fewer outputs than `classes`.
  Training(const TrainConfig& config, RunDirectory& directory, const TrainCallbacks& callbacks, Graph graph,
           const ShapeCheck& check, TrainingImages images, std::int64_t classes);

  /// A new run. Nothing is written before all that can be refused was.
  void begin(const std::optional<Pretrained>& pretrained, const std::string& config_toml);

  std::int64_t epochs() const override { return step_.epochs(); }
  std::int64_t images() const override { return images_.train.count(); }
  BatchLoader& batches(std::int64_t epoch) override;
  void begin_epoch(const Position& at) override;
  StepResult step(const Batch& batch, const Position& where) override { return step_.run(batch, where); }
  double lr(const Position& where) const override { return step_.lr(where); }
  EpochEnd end_epoch(const EpochSteps& steps, double best) override;
  void tell_epoch() override;
  Checkpoint state(bool within) override;
  void restore(const Checkpoint& checkpoint, const std::string& file) override;

  const EpochResult& last() const { return result_; }
  /// Of a run that was finished already: reads from its metrics how the last epoch went.
  void recall();
  /// That a freezing policy does not reach its end; "" otherwise.
  std::string warning() const { return step_.freezing() ? step_.freezing()->warning() : ""; }

 private:
  void note(const std::string& text) const {
    if (callbacks_.note) callbacks_.note(text);
  }
  ImportReport warm_start(const Pretrained& pretrained);
  void evaluate_into(EpochResult& result);
  void guard(const EpochResult& result);

  TrainConfig config_;
  RunDirectory& directory_;
  const TrainCallbacks& callbacks_;
  TrainingStep step_;
  TrainingImages images_;
  Tensor first_images_;  // for calibration and for the activations' health
  std::unique_ptr<BatchLoader> loader_;
  std::int64_t batch_ = 0;        // of the loader
  LayerCodes codes_before_;       // when the epoch under way began
  EpochResult result_;            // of the epoch that ended last
  std::set<std::string> warned_;  // layers; "" for the loss
};

std::string epoch_checkpoint(std::int64_t epoch) { return "epoch-" + std::to_string(epoch + 1) + ".safetensors"; }

std::string held_out_text(const Images& train, const Images& validation) {
  const std::set<std::int32_t> learned(train.labels.begin(), train.labels.end()),
      judged(validation.labels.begin(), validation.labels.end());
  const std::size_t classes = std::max(learned.size(), judged.size());
  std::string out = "validation: " + std::to_string(validation.count()) + " of " +
                    std::to_string(train.count() + validation.count()) +
                    " training images are held out to choose best.safetensors by";
  if (judged.size() < classes) out += "; of " + std::to_string(classes - judged.size()) + " classes none";
  if (learned.size() < classes) out += "; of " + std::to_string(classes - learned.size()) + " classes all";
  return out;
}

Training::Training(const TrainConfig& config, RunDirectory& directory, const TrainCallbacks& callbacks, Graph graph,
                   const ShapeCheck& check, TrainingImages images, std::int64_t classes)
    : config_(config),
      directory_(directory),
      callbacks_(callbacks),
      step_(config, std::move(graph), check),
      images_(std::move(images)) {
  const Network& network = step_.network();
  if (network.output_shape().numel() < classes) {
    throw ShapeError("[train] the data set has " + std::to_string(classes) + " classes and the network " +
                     std::to_string(network.output_shape().numel()) + " outputs; expected one a class");
  }
  for (const std::int64_t batch : {config.batch, config.last_batch}) {
    if (batch > 0) expect_batches(network, images_.train.count(), batch, "train");
  }
  first_images_ = calibration_images(network, images_.first, config_.batch);
}

void Training::begin(const std::optional<Pretrained>& pretrained, const std::string& config_toml) {
  batches(0);
  if (images_.validation.count() > 0) note(held_out_text(images_.train, images_.validation));
  std::optional<ImportReport> mapping;
  if (pretrained) mapping = warm_start(*pretrained);
  Freezing* freezing = step_.freezing();
  if (freezing) freezing->start([this](const std::string& text) { note(text); });
  step_.begin(first_images_);
  directory_.create();
  if (mapping) {
    write_file_atomically(directory_.file("mapping.txt"), mapping->summary() + "\n\n" + mapping->table());
  }
  if (freezing) write_file_atomically(directory_.file("freeze.svg"), freezing->drawing());
  directory_.begin(config_toml);
}

ImportReport Training::warm_start(const Pretrained& pretrained) {
  ImportReport report = import_weights(step_.network(), pretrained.file, pretrained.path, config_.allow_missing);
  note("warm start from " + pretrained.path + ": " + report.summary() + "; every tensor in mapping.txt");
  for (const std::string& remark : report.remarks) note("  " + remark);
  return report;
}

BatchLoader& Training::batches(std::int64_t epoch) {
  const bool last = config_.last_batch > 0 && epoch == epochs() - 1;
  const std::int64_t batch = std::min(last ? config_.last_batch : config_.batch, images());
  if (!loader_ || batch_ != batch) {
    batch_ = batch;
    LoaderOptions o;
    o.batch_size = static_cast<int>(batch);
    o.shuffle = true;
    o.augment = Augment::parse(config_.augment);
    o.seed = static_cast<std::uint64_t>(config_.seed);
    o.workers = static_cast<int>(config_.workers);
    loader_ = std::make_unique<BatchLoader>(images_.train, normalizer_of(step_.network().graph()), o);
  }
  loader_->start_epoch(epoch);
  return *loader_;
}

void Training::begin_epoch(const Position& at) {
  step_.begin_epoch(at);
  if (at.step == 0 || codes_before_.empty()) codes_before_ = weight_codes(step_.network());
}

EpochEnd Training::end_epoch(const EpochSteps& steps, double best) {
  EpochResult r{steps};
  std::optional<AveragedWeights> averaged(step_);
  r.health = network_health(step_.network(), first_images_);
  count_flips(codes_before_, weight_codes(step_.network()), r.health);
  Freezing* freezing = step_.freezing();
  if (freezing) r.freeze = freezing->describe(r.epoch);
  if ((r.epoch + 1) % config_.eval_every == 0 || r.epoch + 1 == r.epochs) evaluate_into(r);
  averaged.reset();
  if (freezing) {
    const std::string line =
        freezing->end_epoch(r.epoch, r.has_validation ? std::optional(r.validation.accuracy()) : std::nullopt);
    if (!line.empty()) note(line);
  }
  EpochEnd end{.metrics = metrics_line(r)};
  if (config_.keep_best && r.has_validation) end.validation = r.validation.accuracy();
  if (end.validation > best) end.checkpoints.push_back("best.safetensors");
  if (config_.keep_last > 1) end.checkpoints.push_back(epoch_checkpoint(r.epoch));
  result_ = std::move(r);
  return end;
}

void Training::evaluate_into(EpochResult& r) {
  Network& network = step_.network();
  const auto evaluated = [&](EvalResult& validation, EvalResult& test) {
    if (r.has_validation)
      validation = evaluate_finite(network, images_.validation, config_.eval_batch, "the loss of validation");
    test = evaluate_finite(network, images_.test, config_.eval_batch, "the test loss");
  };
  r.evaluated = true;
  r.has_validation = images_.validation.count() > 0;
  evaluated(r.validation, r.test);
  if (!r.freeze) return;
  // So far with every weight on the grid; now with the relaxed ones as training used them.
  r.freeze->validation = r.validation;
  r.freeze->test = r.test;
  if (r.freeze->relaxed == 0) return;
  network.set_relaxed_evaluation(true);
  evaluated(r.freeze->validation, r.freeze->test);
  network.set_relaxed_evaluation(false);
}

void Training::tell_epoch() {
  if (config_.keep_last > 1) {
    std::error_code ec;
    std::filesystem::remove(directory_.file(epoch_checkpoint(result_.epoch - config_.keep_last)), ec);
  }
  if (callbacks_.epoch) callbacks_.epoch(result_);
  guard(result_);
}

// A layer or a loss that ran into a corner seldom comes out again: say so while there is time to do something about it.
void Training::guard(const EpochResult& r) {
  if (config_.guard == "off") return;
  const auto judge = [&](const std::string& subject, const std::string& what) {
    if (what.empty()) return;
    const std::string hint = what + " after epoch " + std::to_string(r.epoch + 1) +
                             "; try a smaller learning rate, a warm start (--from) or another quantizer";
    if (config_.guard == "stop") throw LostRun("[train] " + hint + ". The checkpoint of this epoch is kept");
    if (warned_.insert(subject).second) note("warning: " + hint);
  };
  const EvalResult& test = r.freeze ? r.freeze->test : r.test;
  judge("", hopeless(r.evaluated ? test.loss : r.train_loss, step_.network().output_shape().numel()));
  for (const LayerHealth& h : r.health) judge(h.layer, collapse(h));
}

Checkpoint Training::state(bool within) {
  Checkpoint c = step_.state();
  if (within) c.codes = to_tensors(codes_before_);
  return c;
}

void Training::restore(const Checkpoint& checkpoint, const std::string& file) {
  step_.restore(checkpoint, file);
  codes_before_ = from_tensors(checkpoint.codes);
}

void Training::recall() {
  note("the run is finished");
  const std::optional<EpochResult> last = last_epoch(directory_.metrics());
  if (last && last->epoch == epochs() - 1) {
    result_ = *last;
  } else {
    note(directory_.metrics() + " does not tell how its last epoch went");
  }
  result_.epoch = epochs() - 1;
  result_.epochs = epochs();
  if (const Freezing* freezing = step_.freezing()) result_.freeze = freezing->describe(result_.epoch);
}

// Takes the images out of the data set.
TrainingImages take_images(Dataset& data, const DataRecord& record, const TrainConfig& config) {
  if (data.train.count() == 0) throw ValueError("[train] the data set has no training images");
  if (data.test.count() == 0) throw ValueError("[train] the data set has no test images, which every evaluation needs");
  TrainingImages out{std::move(data.train), {}, {}, record.seen(std::move(data.test))};
  if (config.validation > 0) {
    Split parts = hold_out(out.train, config.validation, static_cast<std::uint64_t>(config.seed), "train");
    out.train = std::move(parts.train);
    out.validation = record.seen(std::move(parts.validation));
  }
  out.first = record.seen(first_images(out.train, config.batch));
  return out;
}

// The file that the network's values will come from, if any, is asked about their shapes before they take storage.
ShapeCheck stored_shapes(const Graph& graph, const std::optional<Checkpoint>& saved, const std::string& file,
                         const std::optional<Pretrained>& pretrained, bool allow_missing) {
  if (!saved) return pretrained ? import_shapes(pretrained->file, pretrained->path, allow_missing) : ShapeCheck{};
  if (saved->graph_text != graph.format()) {
    throw FormatError("[train] " + file + ": its topology differs from the one of config.toml");
  }
  return shapes_of(saved->network, file);
}

}  // namespace

TrainResult train(const TrainConfig& wanted, const std::string& run_dir, bool resume, const TrainCallbacks& callbacks) {
  const auto note = [&](const std::string& text) {
    if (callbacks.note) callbacks.note(text);
  };
  RunDirectory directory(run_dir, "train");
  TrainConfig config = wanted;
  config.check();
  if (config.policy != "none") config.epochs = FreezeSchedule::parse(config.phases).epochs();
  const bool continues = directory.continues(resume);
  const Interruptible before_steps(callbacks.interrupted);
  std::optional<Pretrained> pretrained;
  if (!config.from.empty() && !continues) pretrained = read_pretrained(config.from);
  Normalisation normalisation = take_normalisation(config, pretrained ? &*pretrained : nullptr);
  Dataset data = load_data(config);
  config.data = tell_data(data, config.data, callbacks);
  const Augment augment = Augment::parse(config.augment);
  const DataRecord record = DataRecord::of(data, augment);
  const RunSettings settings{.config_toml = (continues ? config : with_whole_paths(config)).toml(),
                             .data = record,
                             .checkpoint_steps = config.checkpoint_steps,
                             .resume_anyway = config.resume_anyway,
                             .forecast = true};
  std::optional<Checkpoint> saved;
  if (continues) {
    saved = load_checkpoint(directory.checkpoint());
    expect_unchanged(*saved, TrainConfig::parse(saved->config_toml, directory.checkpoint() + " (config)").toml(),
                     directory, settings, callbacks);
    keep_normalisation(*saved, directory, data);
  }
  TrainingImages images = take_images(data, record, config);
  Graph graph = build_graph(config, data, augment.output_shape(record.images));
  complete(normalisation, graph);
  const ShapeCheck check = stored_shapes(graph, saved, directory.checkpoint(), pretrained, config.allow_missing);
  Training training(config, directory, callbacks, std::move(graph), check, std::move(images),
                    static_cast<std::int64_t>(data.class_names.size()));
  RunPosition position;
  if (saved) {
    position = continue_run(training, directory, *saved, callbacks);
  } else {
    note(normalisation.line());
    training.begin(pretrained, settings.config_toml);
  }
  saved.reset();
  pretrained.reset();
  if (position.epoch == training.epochs()) training.recall();
  const bool finished = run_epochs(training, directory, settings, callbacks, position).finished;
  if (finished && !training.warning().empty()) note(training.warning());
  return {finished, training.last()};
}

}  // namespace tern
