// A search: its data and network, and what it adds to the loop of run.hpp; search_step.cpp has what it does with each
// pair of batches.
#include "tern/search.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/number_text.hpp"
#include "files/write.hpp"
#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "tern/interrupt.hpp"
#include "train/diverged.hpp"
#include "train/internal.hpp"
#include "train/run.hpp"
#include "train/search_step.hpp"

namespace tern {
namespace {

// Stream of random numbers; 1 is the network's own.
constexpr std::uint64_t kRandomGenotypes = 0x72616e64;
// The two halves are shuffled independently.
constexpr std::uint64_t kAlphaHalf = 0x616c70686168616c;

nlohmann::ordered_json rows_of(const Tensor& p) {
  const std::vector<double> values = p.to_vector();
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (std::int64_t i = 0; i < p.size(0); ++i) {
    const auto begin = values.begin() + i * p.size(1);
    rows.push_back(std::vector<double>(begin, begin + p.size(1)));
  }
  return rows;
}

std::string epoch_line(const SearchEpoch& r) {
  const nlohmann::ordered_json j{
      {"epoch", r.epoch},
      {"train_loss", r.train_loss},
      {"train_accuracy", r.train_accuracy},
      {"search_validation_accuracy", r.validation.accuracy()},
      {"search_validation_loss", r.validation.loss},
      {"entropy", r.entropy},
      {"lr", r.lr},
      {"seconds", r.seconds},
      {"evaluation_seconds", r.validation.seconds},
      {"peak_mib", r.peak_mib},
      {"weightless_normal", r.weightless_normal},
      {"weightless_reduce", r.weightless_reduce},
      {"best", r.best},
      {"mixture", {{"normal", rows_of(r.mixture.normal)}, {"reduce", rows_of(r.mixture.reduce)}}},
      {"genotype", nlohmann::ordered_json::parse(r.genotype.json())}};
  return j.dump() + "\n";
}

// The two halves of the training images; of the weights' those that quantizers are set up with and of alpha's those
// that accuracy is measured on, both as evaluation sees them.
struct Halves {
  Images weights, alpha, first, judged;
};

class Search final : public RunBody {
 public:
  Search(const SearchConfig& config, RunDirectory& directory, const SearchCallbacks& callbacks, const Dataset& data,
         Halves halves);

  /// A new search.
  void begin(const std::string& config_toml);
  /// How long the steps behind `position` will take.
  SearchForecast forecast(const RunPosition& position);

  std::int64_t epochs() const override { return config_.epochs; }
  std::int64_t images() const override { return halves_.weights.count(); }
  BatchLoader& batches(std::int64_t epoch) override;
  void begin_epoch(const Position& at) override;
  double lr(const Position& where) const override { return step_->lr(where); }
  StepResult step(const Batch& batch, const Position& where) override {
    return step_->run(LabelledImages(batch), next_for_alpha(), where);
  }
  EpochEnd end_epoch(const EpochSteps& steps, double best) override;
  void tell_epoch() override;
  Checkpoint state(bool) override { return step_->state(); }
  void restore(const Checkpoint& checkpoint, const std::string& file) override;

  const SearchEpoch& last() const { return result_; }

 private:
  void note(const std::string& text) const {
    if (callbacks_.note) callbacks_.note(text);
  }
  Network& network() { return step_->net().network(); }
  std::unique_ptr<BatchLoader> loader_of(const Images& images, std::uint64_t seed, const Dataset& data) const;
  nas::CellOptions cell_options(const Dataset& data) const;
  LabelledImages next_for_alpha();
  void guard(const SearchEpoch& result);

  SearchConfig config_;
  RunDirectory& directory_;
  const SearchCallbacks& callbacks_;
  Halves halves_;
  std::unique_ptr<BatchLoader> loader_, alpha_loader_;
  std::unique_ptr<SearchStep> step_;
  nas::DiscretizeOptions rules_;
  SearchEpoch result_;  // of the epoch that ended last
};

std::uint64_t seed_of(const SearchConfig& config) { return static_cast<std::uint64_t>(config.seed); }

Search::Search(const SearchConfig& config, RunDirectory& directory, const SearchCallbacks& callbacks,
               const Dataset& data, Halves halves)
    : config_(config),
      directory_(directory),
      callbacks_(callbacks),
      halves_(std::move(halves)),
      loader_(loader_of(halves_.weights, seed_of(config_), data)),
      alpha_loader_(loader_of(halves_.alpha, seed_of(config_) ^ kAlphaHalf, data)),
      step_(std::make_unique<SearchStep>(config_, cell_options(data))),
      rules_(discretize_options(config_)) {
  for (const Images* half : {&halves_.weights, &halves_.alpha}) {
    expect_batches(network(), half->count(), config_.batch, "search");
  }
}

std::unique_ptr<BatchLoader> Search::loader_of(const Images& images, std::uint64_t seed, const Dataset& data) const {
  LoaderOptions o;
  o.batch_size = static_cast<int>(std::min(config_.batch, images.count()));
  o.shuffle = true;
  o.augment = Augment::parse(config_.augment);
  o.seed = seed;
  o.workers = static_cast<int>(config_.workers);
  return std::make_unique<BatchLoader>(images, Normalizer(data.mean, data.std), o);
}

nas::CellOptions Search::cell_options(const Dataset& data) const {
  const ImageShape shape = loader_->shape();
  nas::CellOptions o;
  o.space = config_.space;
  o.cell_template = config_.cell_template;
  o.reduction_skip = config_.reduction_skip;
  o.weights = config_.weights;
  o.acts = config_.acts;
  o.cells = config_.cells;
  o.width = config_.width;
  o.input = Shape{shape.channels, shape.height, shape.width};
  o.classes = static_cast<std::int64_t>(data.class_names.size());
  o.mean = number_texts(data.mean);
  o.std = number_texts(data.std);
  return o;
}

void Search::begin(const std::string& config_toml) {
  network().set_training(true);
  network().init_quantizers(calibration_images(network(), halves_.first, config_.batch));
  directory_.create();
  directory_.begin(config_toml);
  Rng rng(seed_of(config_), kRandomGenotypes);
  for (std::int64_t i = 1; i <= config_.random; ++i) {
    write_file_atomically(directory_.file("random-" + std::to_string(i) + ".json"),
                          nas::random_genotype(step_->net().options(), rng).json());
  }
}

// A few steps without their updates.
SearchForecast Search::forecast(const RunPosition& position) {
  BatchLoader& loader = batches(position.epoch);
  const std::int64_t steps = loader.batches_per_epoch();
  Batch batch;
  loader.next(batch);
  const SearchStep::Cost cost = step_->measure(
      LabelledImages(batch),
      {.epoch = position.epoch, .step = position.step, .steps_per_epoch = steps, .epochs = config_.epochs});
  const std::int64_t epochs_left = config_.epochs - position.epoch;
  SearchForecast f;
  f.step_seconds = cost.step_seconds;
  f.peak_bytes = cost.peak_bytes;
  f.seconds = cost.step_seconds * static_cast<double>(epochs_left * steps - position.step) +
              cost.image_seconds * static_cast<double>(epochs_left * halves_.judged.count());
  for (const Parameter& p : step_->net().weights()) f.weights += p.kind == ParamKind::kWeight ? p.value.numel() : 0;
  return f;
}

BatchLoader& Search::batches(std::int64_t epoch) {
  loader_->start_epoch(epoch);
  return *loader_;
}

void Search::begin_epoch(const Position& at) {
  network().set_training(true);
  if (at.step == 0) network().on_epoch_begin(at);
  // Epochs of alpha's half have their own length.
  const std::int64_t steps = at.epoch * at.steps_per_epoch + at.step;
  alpha_loader_->start_epoch(steps / alpha_loader_->batches_per_epoch());
  alpha_loader_->skip(steps % alpha_loader_->batches_per_epoch());
}

// The batch of alpha's half that belongs to this step.
LabelledImages Search::next_for_alpha() {
  Batch batch;
  if (!alpha_loader_->next(batch)) {
    alpha_loader_->start_epoch(alpha_loader_->epoch() + 1);
    alpha_loader_->next(batch);
  }
  return LabelledImages(batch);
}

EpochEnd Search::end_epoch(const EpochSteps& steps, double best) {
  SearchEpoch r{steps};
  step_->net().use_all();
  {
    const NoGrad no_grad;
    const nas::Mixture p = step_->net().probabilities();
    network().give("normal", p.normal);
    network().give("reduce", p.reduce);
    r.entropy = nas::mean_entropy(p).item();
    r.mixture = {p.normal.detach().clone(), p.reduce.detach().clone()};
    r.genotype = nas::discretize(step_->net().options(), p, rules_);
  }
  r.validation = evaluate_finite(network(), halves_.judged, config_.eval_batch, "the loss of validation");
  r.weightless_normal = nas::weightless_edges(r.genotype.normal);
  r.weightless_reduce = nas::weightless_edges(r.genotype.reduce);
  r.best = r.validation.accuracy() > best;
  write_genotype_files(directory_.path(), "genotype-last", r.genotype);
  if (r.best) write_genotype_files(directory_.path(), "genotype-best", r.genotype);
  result_ = std::move(r);
  return {.metrics = epoch_line(result_), .validation = result_.validation.accuracy()};
}

void Search::tell_epoch() {
  try {
    write_file_atomically(
        directory_.file("curves.svg"),
        curves_svg({accuracy_curve(directory_.path(), "search validation")}, "search", "epoch", "accuracy, %"));
  } catch (const Error& e) {  // a picture of metrics that are not there, or a disk that is full
    note(std::string("warning: no curves.svg: ") + e.what());
  }
  if (callbacks_.epoch) callbacks_.epoch(result_);
  guard(result_);
}

// A known way for such searches to fail: the mixture settles on what is easy to pass through.
void Search::guard(const SearchEpoch& r) {
  const std::string lost = hopeless(r.validation.loss, network().output_shape().numel());
  if (!lost.empty())
    note("warning: " + lost + " after epoch " + std::to_string(r.epoch + 1) + "; try a smaller learning rate");
  for (const auto& [name, count] :
       {std::pair{"normal", r.weightless_normal}, std::pair{"reduction", r.weightless_reduce}}) {
    if (count < config_.warn_weightless) continue;
    note("warning: " + std::to_string(count) + " of 8 edges of the " + name +
         " cell are zero, pool or skip after epoch " + std::to_string(r.epoch + 1) +
         "; max_weightless caps them, entropy_weight and zero_gamma work against them");
  }
}

void Search::restore(const Checkpoint& c, const std::string& file) {
  if (c.graph_text != network().graph().format()) {
    throw FormatError("[search] " + file + ": its network differs from the one of config.toml");
  }
  step_->restore(c, file);
}

// A search never looks at test images.
Dataset load_data(const SearchConfig& config) {
  LoadOptions options;
  options.data_dir = config.data_dir;
  options.search_path = config.data_search_path;
  options.shape.height = options.shape.width = static_cast<int>(config.image_size);
  options.limit_train = config.limit_train;
  options.limit_test = 1;
  return load_dataset(config.data, options);
}

Halves halve(const Images& images, const DataRecord& record, const SearchConfig& config) {
  Split split = hold_out(images, config.validation, seed_of(config), "search");
  const std::int64_t all = split.validation.count();
  Images first = record.seen(first_images(split.train, config.batch));
  Images judged = record.seen(first_images(split.validation, config.eval_limit > 0 ? config.eval_limit : all));
  return {std::move(split.train), std::move(split.validation), std::move(first), std::move(judged)};
}

}  // namespace

SearchResult search(const SearchConfig& wanted, const std::string& run_dir, bool resume,
                    const SearchCallbacks& callbacks) {
  RunDirectory directory(run_dir, "search");
  SearchConfig config = wanted;
  config.check();
  const bool continues = directory.continues(resume);
  const Interruptible before_steps(callbacks.interrupted);
  Dataset data = load_data(config);
  config.data = tell_data(data, config.data, callbacks);
  const DataRecord record = DataRecord::of(data, Augment::parse(config.augment));
  const RunSettings settings{.config_toml = (continues ? config : with_whole_paths(config)).toml(),
                             .data = record,
                             .checkpoint_steps = config.checkpoint_steps,
                             .resume_anyway = config.resume_anyway};
  std::optional<Checkpoint> saved;
  if (continues) {
    saved = load_checkpoint(directory.checkpoint());
    expect_unchanged(*saved, SearchConfig::parse(saved->config_toml, directory.checkpoint() + " (config)").toml(),
                     directory, settings, callbacks);
    keep_normalisation(*saved, directory, data);
  }
  Halves halves = halve(data.train, record, config);
  data.train = {};
  Search body(config, directory, callbacks, data, std::move(halves));
  RunPosition position;
  if (saved) {
    position = continue_run(body, directory, *saved, callbacks);
  } else {
    body.begin(settings.config_toml);
  }
  if (callbacks.forecast && position.epoch < config.epochs) callbacks.forecast(body.forecast(position));
  saved.reset();
  const RunEnd end = run_epochs(body, directory, settings, callbacks, position);
  SearchResult result;
  result.finished = end.finished;
  result.last = body.last();
  if (!end.finished) return result;
  result.best = nas::Genotype::load(directory.file("genotype-best.json"));
  result.best_accuracy = end.best;
  result.last.genotype = nas::Genotype::load(directory.file("genotype-last.json"));
  return result;
}

}  // namespace tern
