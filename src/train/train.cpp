// The training loop. What makes a resumed run end with the bits of an undisturbed one: the order of samples and their
// augmentation are functions of (seed, epoch, index); learning rates of the position; everything else that changes is
// in the checkpoint; and no result depends on the number of threads.
#include "tern/train.hpp"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <set>

#include "core/file.hpp"
#include "tern/autograd.hpp"
#include "tern/convert.hpp"
#include "tern/error.hpp"
#include "tern/ops.hpp"
#include "tern/optim.hpp"
#include "train/checkpoint.hpp"
#include "train/freezing.hpp"
#include "train/internal.hpp"
#include "train/metrics.hpp"
#include "train/pretrained.hpp"
#include "train/weight_codes.hpp"

namespace tern {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

class Trainer {
 public:
  Trainer(const TrainConfig& config, const std::string& run_dir, bool resume, const TrainCallbacks& callbacks)
      : config_(config), dir_(run_dir), callbacks_(callbacks) {
    config_.check();
    if (config_.policy != "none") config_.epochs = FreezeSchedule::parse(config_.phases).epochs();
    const bool continues = holds_checkpoint(resume);
    if (!config_.from.empty() && !continues) pretrained_ = read_pretrained(config_.from);
    Normalisation normalisation = take_normalisation(config_, pretrained_ ? &*pretrained_ : nullptr);
    data_ = load_data(config_);
    note("data: " + data_.name + " from " + data_.source);
    if (data_.train.count() == 0) throw ValueError("[train] the data set has no training images");
    if (data_.test.count() == 0)
      throw ValueError("[train] the data set has no test images, which every evaluation needs");
    if (config_.validation > 0) {
      Split split = split_train_validation(data_.train, config_.validation, static_cast<std::uint64_t>(config_.seed));
      data_.train = std::move(split.train);
      validation_ = std::move(split.validation);
    }
    const ImageShape shape = Augment::parse(config_.augment).output_shape(data_.train.shape());
    Graph graph = build_graph(config_, data_, shape);
    const ShapeCheck check = stored_shapes(graph, resume);
    network_ = std::make_unique<Network>(std::move(graph), static_cast<std::uint64_t>(config_.seed), check);
    if (network_->output_shape().numel() < static_cast<std::int64_t>(data_.class_names.size())) {
      throw ShapeError("[train] the data set has " + std::to_string(data_.class_names.size()) +
                       " classes and the network " + std::to_string(network_->output_shape().numel()) +
                       " outputs; expected one a class");
    }
    network_->set_gradient_bits(static_cast<int>(config_.gradient_bits));
    complete(normalisation, network_->graph());
    OptimizerOptions options;
    options.momentum = config_.momentum;
    options.nesterov = config_.nesterov;
    options.beta1 = config_.beta1;
    options.beta2 = config_.beta2;
    optimizer_ = make_optimizer(config_.optimizer, options, parameter_groups(*network_, config_));
    schedule_ = make_schedule(config_.schedule);
    first_images_ = first_images();
    if (config_.policy != "none") freezing_ = std::make_unique<Freezing>(config_, *network_, *optimizer_);
    if (continues) {
      load_checkpoint_into_run();
    } else {
      note(normalisation.line());
      make_loader();
      begin();
    }
  }

  TrainResult run() {
    TrainResult result;
    started_ = Clock::now();
    images_at_start_ = images_seen();
    if (position_.epoch == epochs()) {  // it was finished already
      note("the run is finished");
      const std::optional<EpochResult> last = last_epoch(path("metrics.jsonl"));
      if (last)
        result.last = *last;
      else
        note(path("metrics.jsonl") + " does not tell how its last epoch went");
      result.last.epoch = epochs() - 1;
      result.last.epochs = epochs();
      if (freezing_) result.last.freeze = freezing_->describe(result.last.epoch);
    }
    while (position_.epoch < epochs()) {
      if (!run_epoch(result.last)) return result;
      if (stopping_ && position_.epoch < epochs()) return result;
    }
    result.finished = true;
    if (freezing_ && !freezing_->warning().empty()) note(freezing_->warning());
    return result;
  }

 private:
  std::string path(const std::string& name) const { return (fs::path(dir_) / name).string(); }
  void note(const std::string& text) const {
    if (callbacks_.note) callbacks_.note(text);
  }

  // True if there is a checkpoint to continue from; false if the run begins.
  bool holds_checkpoint(bool resume) const {
    std::error_code ec;
    const bool has_run = fs::exists(path("config.toml"), ec);
    if (!resume && has_run) {
      throw IoError("[train] \"" + dir_ +
                    "\" holds a run already; continue it with --resume, or choose another directory");
    }
    if (!resume) return false;
    const bool has_checkpoint = fs::exists(path("last.safetensors"), ec);
    // With its settings alone it was killed before the first checkpoint: start over.
    if (!has_checkpoint && !has_run) throw IoError("[train] \"" + dir_ + "\" holds no run to resume");
    return has_checkpoint;
  }

  // A new run, or one that was killed before its first checkpoint. Nothing is written before all that can be refused
  // was.
  void begin() {
    std::optional<ImportReport> mapping;
    if (pretrained_) mapping = warm_start();
    if (freezing_) freezing_->start([this](const std::string& text) { note(text); });
    calibrate();
    if (freezing_) freezing_->check_levels();
    make_averages();
    std::error_code ec;
    fs::create_directories(dir_, ec);
    if (ec) throw IoError("[train] cannot create the directory \"" + dir_ + "\": " + ec.message());
    if (mapping) write_file_atomically(path("mapping.txt"), mapping->summary() + "\n\n" + mapping->table());
    if (freezing_) write_file_atomically(path("freeze.svg"), freezing_->drawing());
    write_file_atomically(path("config.toml"), config_.toml());
    write_file_atomically(path("metrics.jsonl"), std::string_view());
  }

  // Of the whole run; an auto phase may shorten it.
  std::int64_t epochs() const { return freezing_ ? freezing_->epochs() : config_.epochs; }

  // Batches of the position's epoch.
  void make_loader() {
    const bool last = config_.last_batch > 0 && position_.epoch == epochs() - 1;
    const std::int64_t batch = std::min(last ? config_.last_batch : config_.batch, data_.train.count());
    if (loader_ && batch_ == batch) return;
    batch_ = batch;
    LoaderOptions o;
    o.batch_size = static_cast<int>(batch);
    o.shuffle = true;
    o.augment = Augment::parse(config_.augment);
    o.seed = static_cast<std::uint64_t>(config_.seed);
    o.workers = static_cast<int>(config_.workers);
    loader_ = std::make_unique<BatchLoader>(data_.train, normalizer_of(network_->graph()), o);
  }

  // Of the whole run, so far.
  std::int64_t images_seen() const { return position_.epoch * data_.train.count() + position_.seen; }

  ImportReport warm_start() {
    ImportReport report = import_weights(*network_, pretrained_->file, pretrained_->path, config_.allow_missing);
    note("warm start from " + pretrained_->path + ": " + report.summary() + "; every tensor in mapping.txt");
    for (const ImportReport::Row& r : report.rows) {
      if (r.note == "missing") note("  missing: " + r.target + " " + r.shape);
    }
    pretrained_.reset();
    return report;
  }

  // One training batch in file order, not augmented.
  Tensor first_images() const {
    const LoaderOptions options{.batch_size = static_cast<int>(std::min(config_.batch, data_.train.count())),
                                .workers = 0};
    const Shape want = network_->input_shape();
    const Images fitted =
        convert_images(select_images(data_.train, first_indices(options.batch_size)),
                       {static_cast<int>(want[0]), static_cast<int>(want[1]), static_cast<int>(want[2])});
    BatchLoader loader(fitted, normalizer_of(network_->graph()), options);
    Batch batch;
    loader.next(batch);
    return batch_tensor(batch);
  }

  // Quantizers set themselves up from the weights and from the first images.
  void calibrate() {
    network_->set_training(true);
    network_->init_quantizers(first_images_);
  }

  void make_averages() {
    if (config_.ema <= 0) return;
    std::vector<NamedTensor> params;
    for (const Parameter& p : network_->parameters()) params.push_back({p.name, p.value});
    averages_ = std::make_unique<ExponentialMovingAverage>(std::move(params), config_.ema);
  }

  // Between two calls the network holds the averages, if there are any.
  void swap_averages() {
    if (!averages_) return;
    averages_->swap();
    network_->set_training(network_->training());
  }

  static std::vector<std::int64_t> first_indices(std::int64_t n) {
    std::vector<std::int64_t> out(static_cast<std::size_t>(n));
    std::iota(out.begin(), out.end(), 0);
    return out;
  }

  // The file that the network's values will come from, if any, is asked about their shapes before they take storage.
  ShapeCheck stored_shapes(const Graph& graph, bool resume) const {
    const std::string file = path("last.safetensors");
    if (std::error_code ec; resume && fs::exists(file, ec)) {
      const Checkpoint c = load_checkpoint(file);
      if (c.graph_text != graph.format()) {
        throw FormatError("[train] " + file + ": its topology differs from the one of config.toml");
      }
      return shapes_of(c.network, file);
    }
    return pretrained_ ? import_shapes(pretrained_->file, pretrained_->path) : ShapeCheck{};
  }

  void load_checkpoint_into_run() {
    const std::string file = path("last.safetensors");
    make_averages();
    const Checkpoint c = load_checkpoint(file);
    restore(c.network, network_->state(), file);
    restore(c.optimizer, optimizer_->state(), file);
    if (averages_) restore(c.averages, averages_->state(), file);
    if (freezing_) freezing_->restore(c.freeze, c.freeze_state, file);
    codes_before_ = from_tensors(c.codes);
    position_ = c.position;
    make_loader();
    check_position(position_, epochs(), loader_->batches_per_epoch(), data_.train.count(), file);
    network_->rng().set_position(position_.rng_position);
    cut_metrics(path("metrics.jsonl"), position_.metrics_bytes, [this](const std::string& text) { note(text); });
    note("resumed at epoch " + std::to_string(position_.epoch + 1) + ", step " + std::to_string(position_.step));
  }

  void save(const std::string& name) {
    position_.rng_position = network_->rng().position();
    save_checkpoint(path(name),
                    {network_->graph().format(), config_.toml(), position_, network_->state(), optimizer_->state(),
                     averages_ ? averages_->state() : std::vector<NamedTensor>{},
                     freezing_ ? freezing_->tensors() : std::vector<NamedTensor>{}, freezing_ ? freezing_->state() : "",
                     position_.step > 0 ? to_tensors(codes_before_) : std::vector<NamedTensor>{}});
  }

  // False if the run was asked to stop within the epoch.
  bool run_epoch(EpochResult& result) {
    const std::int64_t epoch = position_.epoch;
    network_->set_training(true);
    network_->set_drop_path(drop_path_at(config_, epoch));
    if (position_.step == 0) {
      network_->on_epoch_begin(epoch);
      if (freezing_) freezing_->begin_epoch(epoch);
    }
    if (position_.step == 0 || codes_before_.empty()) codes_before_ = weight_codes(*network_);
    make_loader();
    loader_->start_epoch(epoch);
    loader_->skip(position_.step);
    reset_peak_memory();
    double lr = 0;
    auto last = Clock::now();
    for (Batch batch; loader_->next(batch);) {
      lr = step(batch);
      position_.seconds += seconds_since(last);
      last = Clock::now();
      if (++steps_run_ == kForecastSteps) forecast();
      report_step(lr);
      stopping_ = callbacks_.stop && callbacks_.stop();
      // Behind its last step an epoch is finished first: what it reports needs that step's gradients.
      if (stopping_ && position_.step < loader_->batches_per_epoch()) {
        save("last.safetensors");
        return false;
      }
      if (config_.checkpoint_steps > 0 && position_.step % config_.checkpoint_steps == 0 &&
          position_.step < loader_->batches_per_epoch()) {
        save("last.safetensors");
        last = Clock::now();
      }
    }
    result = finish_epoch(lr);
    return true;
  }

  double step(const Batch& batch) {
    const Position where{.epoch = position_.epoch,
                         .step = position_.step,
                         .steps_per_epoch = loader_->batches_per_epoch(),
                         .epochs = epochs()};
    const double lr = freezing_ ? freezing_->lr(position_.epoch) : schedule_->lr(where);
    if (freezing_) freezing_->before_step(where.epoch, where.step, where.steps_per_epoch);
    const Tensor images = batch_tensor(batch);
    const Tensor logits = network_->forward(images);
    const Tensor loss = cross_entropy(logits, Tensor::from(batch.labels, Shape{batch.size()}), config_.label_smoothing);
    const double value = loss.item();
    if (!std::isfinite(value)) explain_bad_loss(images);
    optimizer_->zero_grad();
    backward(loss);
    optimizer_->set_momentum(schedule_->momentum(where));
    if (config_.clip_norm > 0) clip_grad_norm(trainable(), config_.clip_norm);
    optimizer_->step(lr);
    network_->after_step();
    if (freezing_) freezing_->after_step();
    if (averages_) averages_->update();
    position_.loss_sum += value * static_cast<double>(batch.size());
    position_.correct += count_correct(logits, batch.labels);
    position_.seen += batch.size();
    ++position_.step;
    return lr;
  }

  std::vector<Tensor> trainable() const {
    std::vector<Tensor> out;
    for (const Parameter& p : network_->parameters()) out.push_back(p.value);
    return out;
  }

  [[noreturn]] void explain_bad_loss(const Tensor& images) {
    std::string where;
    network_->set_tap([&](const GraphNode& node, const Value& v) {
      if (!where.empty()) return;
      for (const double x : v.t.to_vector()) {
        if (!std::isfinite(x)) {
          where = node.name + " (" + node.op + ")";
          return;
        }
      }
    });
    network_->forward(images);
    network_->set_tap({});
    throw Error("[train] the loss is not finite in epoch " + std::to_string(position_.epoch + 1) + ", step " +
                std::to_string(position_.step + 1) +
                "; first layer with a value that is not finite: " + (where.empty() ? "none, the loss itself" : where) +
                ". The last checkpoint is kept; try a smaller learning rate or clip_norm");
  }

  // Once the first steps have been timed, and only for runs that last.
  void forecast() const {
    const double per_step = position_.seconds / static_cast<double>(position_.step);
    const double epoch = per_step * static_cast<double>(loader_->batches_per_epoch());
    const double run = epoch * static_cast<double>(epochs() - position_.epoch);
    if (run < 60) return;
    const auto whole = [](double x) { return std::to_string(static_cast<std::int64_t>(x + 0.5)); };
    note("forecast: " + whole(epoch) + " s an epoch, " + whole(run / 60) + " min to go without evaluation, peak " +
         whole(static_cast<double>(memory_stats().peak_bytes) / (1024.0 * 1024.0)) + " MiB of tensors");
  }

  void report_step(double lr) {
    if (!callbacks_.step) return;
    StepProgress p;
    p.epoch = position_.epoch;
    p.epochs = epochs();
    p.step = position_.step;
    p.steps = loader_->batches_per_epoch();
    p.loss = position_.loss_sum / static_cast<double>(position_.seen);
    p.accuracy = static_cast<double>(position_.correct) / static_cast<double>(position_.seen);
    p.lr = lr;
    p.images_per_second = static_cast<double>(position_.seen) / position_.seconds;
    const std::int64_t done = images_seen();
    p.eta_seconds = seconds_since(started_) / static_cast<double>(std::max<std::int64_t>(done - images_at_start_, 1)) *
                    static_cast<double>(p.epochs * data_.train.count() - done);
    callbacks_.step(p);
  }

  EpochResult finish_epoch(double lr) {
    EpochResult r;
    r.epoch = position_.epoch;
    r.epochs = epochs();
    r.train_loss = position_.loss_sum / static_cast<double>(position_.seen);
    r.train_accuracy = static_cast<double>(position_.correct) / static_cast<double>(position_.seen);
    r.lr = lr;
    r.seconds = position_.seconds;
    r.images_per_second = static_cast<double>(position_.seen) / position_.seconds;
    r.peak_mib = static_cast<double>(memory_stats().peak_bytes) / (1024.0 * 1024.0);
    swap_averages();
    r.health = network_health(*network_, first_images_);
    const auto codes_after = weight_codes(*network_);
    for (LayerHealth& h : r.health) {
      const auto a = std::as_const(codes_before_).find(h.layer), b = codes_after.find(h.layer);
      if (a == codes_before_.end() || b == codes_after.end()) continue;
      std::size_t flips = 0;
      for (std::size_t i = 0; i < std::min(a->second.size(), b->second.size()); ++i)
        flips += a->second[i] != b->second[i];
      h.flips = static_cast<double>(flips) / static_cast<double>(std::max<std::size_t>(a->second.size(), 1));
    }
    if (freezing_) r.freeze = freezing_->describe(position_.epoch);
    const bool last_epoch = position_.epoch + 1 == epochs();
    bool best = false;
    if ((position_.epoch + 1) % config_.eval_every == 0 || last_epoch) {
      r.evaluated = true;
      if (validation_.count() > 0) {
        r.has_validation = true;
        r.validation = evaluate(*network_, fitted(validation_), config_.eval_batch);
        best = config_.keep_best && r.validation.accuracy() > position_.best_validation;
        if (best) position_.best_validation = r.validation.accuracy();
      }
      r.test = evaluate(*network_, fitted(data_.test), config_.eval_batch);
      if (r.freeze) evaluate_relaxed(r);
    }
    swap_averages();
    if (freezing_) {
      const std::string line = freezing_->end_epoch(
          position_.epoch, r.evaluated && r.has_validation ? std::optional(r.validation.accuracy()) : std::nullopt);
      if (!line.empty()) note(line);
    }
    append_metrics(path("metrics.jsonl"), metrics_line(r), position_.metrics_bytes);
    const RunPosition done = position_;
    position_ = {};
    position_.epoch = done.epoch + 1;
    position_.best_validation = done.best_validation;
    position_.metrics_bytes = done.metrics_bytes;
    if (best) save("best.safetensors");
    if (config_.keep_last > 1) keep_epoch(done.epoch);
    save("last.safetensors");
    if (callbacks_.epoch) callbacks_.epoch(r);
    guard(r);
    return r;
  }

  // What evaluate() gave has every weight on the grid; here the relaxed ones are as training used them.
  void evaluate_relaxed(EpochResult& r) {
    if (r.freeze->relaxed == 0) {
      r.freeze->validation = r.validation;
      r.freeze->test = r.test;
      return;
    }
    network_->set_relaxed_evaluation(true);
    if (r.has_validation) r.freeze->validation = evaluate(*network_, fitted(validation_), config_.eval_batch);
    r.freeze->test = evaluate(*network_, fitted(data_.test), config_.eval_batch);
    network_->set_relaxed_evaluation(false);
  }

  // A layer that ran into a corner seldom comes out again: say so while there is time to do something about it.
  void guard(const EpochResult& r) {
    if (config_.guard == "off") return;
    for (const LayerHealth& h : r.health) {
      const std::string what = collapse(h);
      if (what.empty()) continue;
      const std::string hint = what + " after epoch " + std::to_string(r.epoch + 1) +
                               "; try a smaller learning rate, a warm start (--from) or another quantizer";
      if (config_.guard == "stop") throw Error("[train] " + hint + ". The checkpoint of this epoch is kept");
      if (warned_.insert(h.layer).second) note("warning: " + hint);
    }
  }

  // Evaluation sees the size that the network was built for.
  Images fitted(const Images& images) const {
    const Shape want = network_->input_shape();
    if (images.height == want[1] && images.width == want[2]) return images;
    return convert_images(images, {static_cast<int>(want[0]), static_cast<int>(want[1]), static_cast<int>(want[2])});
  }

  void keep_epoch(std::int64_t epoch) {
    save("epoch-" + std::to_string(epoch + 1) + ".safetensors");
    std::error_code ec;
    fs::remove(path("epoch-" + std::to_string(epoch + 1 - config_.keep_last) + ".safetensors"), ec);
  }

  TrainConfig config_;
  std::string dir_;
  TrainCallbacks callbacks_;
  Dataset data_;
  Images validation_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<BatchLoader> loader_;
  std::int64_t batch_ = 0;  // of the loader
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Schedule> schedule_;
  std::unique_ptr<ExponentialMovingAverage> averages_;
  std::unique_ptr<Freezing> freezing_;
  std::optional<Pretrained> pretrained_;  // until the network has them
  Tensor first_images_;                   // normalised: for calibration and for the activations' health
  std::set<std::string> warned_;
  RunPosition position_;
  bool stopping_ = false;
  LayerCodes codes_before_;  // when the epoch under way began
  Clock::time_point started_;
  std::int64_t images_at_start_ = 0;
  static constexpr std::int64_t kForecastSteps = 10;
  std::int64_t steps_run_ = 0;
};

}  // namespace

TrainResult train(const TrainConfig& config, const std::string& run_dir, bool resume, const TrainCallbacks& callbacks) {
  return Trainer(config, run_dir, resume, callbacks).run();
}

}  // namespace tern
