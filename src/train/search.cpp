// The loop of an architecture search; search_step.cpp has what it does with each pair of batches. As in train.cpp,
// everything random is a function of (seed, position) or of a counter in the checkpoint, and no result depends on the
// number of threads: that is why a resumed search ends with the bits of an undisturbed one.
#include "tern/search.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/file.hpp"
#include "tern/autograd.hpp"
#include "tern/error.hpp"
#include "train/checkpoint.hpp"
#include "train/internal.hpp"
#include "train/metrics.hpp"
#include "train/search_step.hpp"

namespace tern {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr double kMib = 1024.0 * 1024.0;
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

class Searcher {
 public:
  Searcher(const SearchConfig& config, const std::string& run_dir, bool resume, const SearchCallbacks& callbacks)
      : config_(config), dir_(run_dir), callbacks_(callbacks) {
    config_.check();
    check_directory(resume);
    load_halves();
    build();
    if (std::error_code ec; resume && fs::exists(path("last.safetensors"), ec)) {
      load_checkpoint_into_run();
    } else {
      network().set_training(true);
      network().init_quantizers(first_images());
      create_directory();
      write_file_atomically(path("config.toml"), config_.toml());
      write_file_atomically(path("metrics.jsonl"), std::string_view());
      write_random_genotypes();
    }
  }

  SearchResult run() {
    SearchResult result;
    if (position_.epoch < config_.epochs) forecast();
    started_ = Clock::now();
    steps_at_start_ = global_step();
    while (position_.epoch < config_.epochs) {
      if (!run_epoch(result.last)) return result;
      if (stopping_ && position_.epoch < config_.epochs) return result;
    }
    result.finished = true;
    result.best = nas::Genotype::load(path("genotype-best.json"));
    result.best_accuracy = position_.best_validation;
    result.last.genotype = nas::Genotype::load(path("genotype-last.json"));
    return result;
  }

 private:
  std::string path(const std::string& name) const { return (fs::path(dir_) / name).string(); }
  void note(const std::string& text) const {
    if (callbacks_.note) callbacks_.note(text);
  }
  std::uint64_t seed() const { return static_cast<std::uint64_t>(config_.seed); }
  Network& network() { return step_->net().network(); }
  std::int64_t global_step() const { return position_.epoch * loader_->batches_per_epoch() + position_.step; }

  // ---- setting up ----

  void check_directory(bool resume) const {
    std::error_code ec;
    const bool has_run = fs::exists(path("config.toml"), ec);
    if (resume && !has_run) throw IoError("[search] \"" + dir_ + "\" holds no search to resume");
    if (!resume && has_run) {
      throw IoError("[search] \"" + dir_ +
                    "\" holds a run already; continue it with --resume, or choose another directory");
    }
  }

  // Before the first file is written, when nothing is left to refuse.
  void create_directory() const {
    std::error_code ec;
    fs::create_directories(dir_, ec);
    if (ec) throw IoError("[search] cannot create the directory \"" + dir_ + "\": " + ec.message());
  }

  void load_halves() {
    LoadOptions options;
    options.data_dir = config_.data_dir;
    options.search_path = config_.data_search_path;
    options.size = static_cast<int>(config_.image_size);
    options.limit_train = config_.limit_train;
    options.limit_test = 1;  // a search never looks at test images
    data_ = load_dataset(config_.data, options);
    note("data: " + data_.name + " from " + data_.source);
    Split split = split_train_validation(data_.train, config_.validation, seed());
    weights_half_ = std::move(split.train);
    alpha_half_ = std::move(split.validation);
    if (weights_half_.count() == 0 || alpha_half_.count() == 0) {
      throw ValueError("[search] expected images in both halves of the training set; got " +
                       std::to_string(weights_half_.count()) + " and " + std::to_string(alpha_half_.count()));
    }
    judged_ = alpha_half_;
    if (config_.eval_limit > 0 && config_.eval_limit < judged_.count())
      judged_ = select_images(judged_, first_indices(config_.eval_limit));
  }

  static std::vector<std::int64_t> first_indices(std::int64_t n) {
    std::vector<std::int64_t> out(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) out[static_cast<std::size_t>(i)] = i;
    return out;
  }

  std::unique_ptr<BatchLoader> make_loader(const Images& images, std::uint64_t its_seed, bool augmented) const {
    LoaderOptions o;
    o.batch_size = static_cast<int>(std::min(config_.batch, images.count()));
    o.shuffle = true;
    if (augmented) o.augment = Augment::parse(config_.augment);
    o.seed = its_seed;
    o.workers = static_cast<int>(config_.workers);
    return std::make_unique<BatchLoader>(images, Normalizer(data_.mean, data_.std), o);
  }

  void build() {
    loader_ = make_loader(weights_half_, seed(), true);
    alpha_loader_ = make_loader(alpha_half_, seed() ^ kAlphaHalf, true);
    const ImageShape shape = loader_->shape();
    options_.space = config_.space;
    options_.cell_template = config_.cell_template;
    options_.reduction_skip = config_.reduction_skip;
    options_.weights = config_.weights;
    options_.acts = config_.acts;
    options_.cells = config_.cells;
    options_.width = config_.width;
    options_.input = Shape{shape.channels, shape.height, shape.width};
    options_.classes = static_cast<std::int64_t>(data_.class_names.size());
    options_.mean = joined(data_.mean);
    options_.std = joined(data_.std);
    step_ = std::make_unique<SearchStep>(config_, options_);
    options_ = step_->net().options();
    rules_ = discretize_options(config_);
  }

  // Evaluation reads the normalisation from the graph's input node.
  static std::string joined(const std::vector<float>& values) {
    std::string out;
    for (const float v : values) out += (out.empty() ? "" : ",") + nlohmann::json(v).dump();
    return out;
  }

  // One training batch in file order, not augmented.
  Tensor first_images() const {
    LoaderOptions o;
    o.batch_size = static_cast<int>(std::min(config_.batch, weights_half_.count()));
    o.workers = 0;
    const Shape& want = options_.input;
    const Images images =
        convert_images(select_images(weights_half_, first_indices(o.batch_size)),
                       {static_cast<int>(want[0]), static_cast<int>(want[1]), static_cast<int>(want[2])});
    BatchLoader loader(images, Normalizer(data_.mean, data_.std), o);
    Batch batch;
    loader.next(batch);
    return batch_tensor(batch);
  }

  void write_random_genotypes() const {
    Rng rng(seed(), kRandomGenotypes);
    for (std::int64_t i = 1; i <= config_.random; ++i) {
      write_file_atomically(path("random-" + std::to_string(i) + ".json"), nas::random_genotype(options_, rng).json());
    }
  }

  // ---- checkpoints ----

  void save() {
    position_.rng_position = step_->rng_position();
    save_checkpoint(path("last.safetensors"), {.graph_text = network().graph().format(),
                                               .config_toml = config_.toml(),
                                               .position = position_,
                                               .network = step_->network_state(),
                                               .optimizer = step_->optimizer_state()});
  }

  void load_checkpoint_into_run() {
    const std::string file = path("last.safetensors");
    const Checkpoint c = load_checkpoint(file);
    if (c.graph_text != network().graph().format()) {
      throw FormatError("[search] " + file + ": its network differs from the one of config.toml");
    }
    restore(c.network, step_->network_state(), file);
    restore(c.optimizer, step_->optimizer_state(), file);
    position_ = c.position;
    check_position(position_, config_.epochs, loader_->batches_per_epoch(), weights_half_.count(), file);
    step_->set_rng_position(position_.rng_position);
    cut_metrics(path("metrics.jsonl"), position_.metrics_bytes, [this](const std::string& text) { note(text); });
    note("resumed at epoch " + std::to_string(position_.epoch + 1) + ", step " + std::to_string(position_.step));
  }

  // ---- one step ----

  // The batch of alpha's half that belongs to this step: its epochs have their own length.
  LabelledImages next_for_alpha() {
    Batch batch;
    if (!alpha_loader_->next(batch)) {
      alpha_loader_->start_epoch(alpha_loader_->epoch() + 1);
      alpha_loader_->next(batch);
    }
    return LabelledImages(batch);
  }

  void seek_alpha_half() {
    const std::int64_t per_epoch = alpha_loader_->batches_per_epoch();
    alpha_loader_->start_epoch(global_step() / per_epoch);
    alpha_loader_->skip(global_step() % per_epoch);
  }

  Position where() const {
    return {.epoch = position_.epoch,
            .step = position_.step,
            .steps_per_epoch = loader_->batches_per_epoch(),
            .epochs = config_.epochs};
  }

  double step(const LabelledImages& train, const LabelledImages& validation) {
    const SearchStep::Result done = step_->run(train, validation, where());
    const auto images = static_cast<std::int64_t>(train.plain_labels.size());
    position_.loss_sum += done.loss * static_cast<double>(images);
    position_.correct += done.correct;
    position_.seen += images;
    ++position_.step;
    return done.lr;
  }

  // ---- forecast: a few steps without their updates ----

  void forecast() {
    if (!callbacks_.forecast) return;
    loader_->start_epoch(position_.epoch);
    Batch batch;
    loader_->next(batch);
    const SearchStep::Cost cost = step_->measure(LabelledImages(batch), where());
    const std::int64_t steps = config_.epochs * loader_->batches_per_epoch() - global_step();
    const std::int64_t judged = judged_.count() * (config_.epochs - position_.epoch);
    SearchForecast f;
    f.step_seconds = cost.step_seconds;
    f.peak_bytes = cost.peak_bytes;
    f.seconds = cost.step_seconds * static_cast<double>(steps) + cost.image_seconds * static_cast<double>(judged);
    for (const Parameter& p : step_->net().weights()) f.weights += p.kind == ParamKind::kWeight ? p.value.numel() : 0;
    callbacks_.forecast(f);
  }

  // ---- epochs ----

  // False if the search was asked to stop.
  bool run_epoch(SearchEpoch& result) {
    network().set_training(true);
    if (position_.step == 0) network().on_epoch_begin(position_.epoch);
    loader_->start_epoch(position_.epoch);
    loader_->skip(position_.step);
    seek_alpha_half();
    reset_peak_memory();
    double lr = 0;
    auto last = Clock::now();
    for (Batch batch; loader_->next(batch);) {
      lr = step(LabelledImages(batch), next_for_alpha());
      position_.seconds += seconds_since(last);
      last = Clock::now();
      report_step(lr);
      stopping_ = callbacks_.stop && callbacks_.stop();
      // Behind its last step an epoch is finished first.
      if (stopping_ && position_.step < loader_->batches_per_epoch()) {
        save();
        return false;
      }
      if (config_.checkpoint_steps > 0 && position_.step % config_.checkpoint_steps == 0 &&
          position_.step < loader_->batches_per_epoch()) {
        save();
        last = Clock::now();
      }
    }
    result = finish_epoch(lr);
    return true;
  }

  void report_step(double lr) const {
    if (!callbacks_.step) return;
    StepProgress p;
    p.epoch = position_.epoch;
    p.epochs = config_.epochs;
    p.step = position_.step;
    p.steps = loader_->batches_per_epoch();
    p.loss = position_.loss_sum / static_cast<double>(position_.seen);
    p.accuracy = static_cast<double>(position_.correct) / static_cast<double>(position_.seen);
    p.lr = lr;
    p.images_per_second = static_cast<double>(position_.seen) / position_.seconds;
    const std::int64_t done = global_step();
    p.eta_seconds = seconds_since(started_) / static_cast<double>(std::max<std::int64_t>(done - steps_at_start_, 1)) *
                    static_cast<double>(p.epochs * p.steps - done);
    callbacks_.step(p);
  }

  SearchEpoch finish_epoch(double lr) {
    SearchEpoch r;
    r.epoch = position_.epoch;
    r.epochs = config_.epochs;
    r.train_loss = position_.loss_sum / static_cast<double>(position_.seen);
    r.train_accuracy = static_cast<double>(position_.correct) / static_cast<double>(position_.seen);
    r.lr = lr;
    r.seconds = position_.seconds;
    r.peak_mib = static_cast<double>(memory_stats().peak_bytes) / kMib;
    step_->net().use_all();
    {
      const NoGrad no_grad;
      const nas::Mixture p = step_->net().probabilities();
      network().give("normal", p.normal);
      network().give("reduce", p.reduce);
      r.entropy = nas::mean_entropy(p).item();
      r.mixture = {p.normal.detach().clone(), p.reduce.detach().clone()};
      r.genotype = nas::discretize(options_, p, rules_);
    }
    r.validation = evaluate(network(), fitted(judged_), config_.eval_batch);
    r.weightless_normal = nas::weightless_edges(r.genotype.normal);
    r.weightless_reduce = nas::weightless_edges(r.genotype.reduce);
    r.best = r.validation.accuracy() > position_.best_validation;

    write_genotype_files(dir_, "genotype-last", r.genotype);
    if (r.best) write_genotype_files(dir_, "genotype-best", r.genotype);
    append_metrics(path("metrics.jsonl"), epoch_line(r), position_.metrics_bytes);
    write_file_atomically(path("curves.svg"),
                          curves_svg({accuracy_curve(dir_, "search validation")}, "search", "epoch", "accuracy, %"));
    RunPosition next;
    next.epoch = position_.epoch + 1;
    next.best_validation = std::max(position_.best_validation, r.validation.accuracy());
    next.metrics_bytes = position_.metrics_bytes;
    position_ = next;
    save();
    if (callbacks_.epoch) callbacks_.epoch(r);
    guard(r);
    return r;
  }

  // A known way for such searches to fail: the mixture settles on what is easy to pass through.
  void guard(const SearchEpoch& r) const {
    for (const auto& [name, count] :
         {std::pair{"normal", r.weightless_normal}, std::pair{"reduction", r.weightless_reduce}}) {
      if (count < config_.warn_weightless) continue;
      note("warning: " + std::to_string(count) + " of 8 edges of the " + name +
           " cell are zero, pool or skip after epoch " + std::to_string(r.epoch + 1) +
           "; max_weightless caps them, entropy_weight and zero_gamma work against them");
    }
  }

  Images fitted(const Images& images) const {
    const Shape& want = options_.input;
    if (images.height == want[1] && images.width == want[2]) return images;
    return convert_images(images, {static_cast<int>(want[0]), static_cast<int>(want[1]), static_cast<int>(want[2])});
  }

  SearchConfig config_;
  std::string dir_;
  SearchCallbacks callbacks_;
  Dataset data_;
  Images weights_half_, alpha_half_, judged_;
  std::unique_ptr<BatchLoader> loader_, alpha_loader_;
  nas::CellOptions options_;
  std::unique_ptr<SearchStep> step_;
  nas::DiscretizeOptions rules_;
  RunPosition position_;
  Clock::time_point started_;
  std::int64_t steps_at_start_ = 0;
  bool stopping_ = false;
};

}  // namespace

SearchResult search(const SearchConfig& config, const std::string& run_dir, bool resume,
                    const SearchCallbacks& callbacks) {
  return Searcher(config, run_dir, resume, callbacks).run();
}

}  // namespace tern
