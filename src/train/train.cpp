// The training loop. What makes a resumed run end with the bits of an undisturbed one: the order of samples and their
// augmentation are functions of (seed, epoch, index); learning rates of the position; everything else that changes is in
// the checkpoint; and no result depends on the number of threads.
#include "tern/train.hpp"

#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "core/file.hpp"
#include "tern/autograd.hpp"
#include "tern/convert.hpp"
#include "tern/error.hpp"
#include "tern/ops.hpp"
#include "tern/numpy.hpp"
#include "tern/optim.hpp"
#include "tern/safetensors.hpp"
#include "train/checkpoint.hpp"
#include "train/freezing.hpp"
#include "train/internal.hpp"
#include "train/metrics.hpp"

namespace tern {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string joined(const std::vector<float>& values) {
  std::string out;
  for (const float v : values) {
    char buffer[32];
    const auto r = std::to_chars(buffer, buffer + sizeof buffer, v);
    out += (out.empty() ? "" : ",") + std::string(buffer, r.ptr);
  }
  return out;
}

// The graph of a configuration, its input fitted to the data.
Graph build_graph(const TrainConfig& config, const Dataset& data, const ImageShape& shape) {
  Graph graph;
  if (!config.genotype.empty()) {
    graph = genotype_graph(config, Shape{shape.channels, shape.height, shape.width},
                           static_cast<std::int64_t>(data.class_names.size()));
  } else if (config.graph.empty()) {
    ModelOptions options;
    options.input = Shape{shape.channels, shape.height, shape.width};
    options.classes = static_cast<std::int64_t>(data.class_names.size());
    options.weights = config.weights;
    options.acts = config.acts;
    options.width = config.width;
    options.quantize_first_last = config.quantize_first_last;
    options.fp_shortcut = config.fp_shortcut;
    // "a=1,b=2", in the syntax of quantizer options
    if (!config.options.empty()) {
      for (auto& [k, v] : QuantSpec::parse("options:" + config.options).options) options.extra[k] = v;
    }
    graph = make_model(config.model, options);
  } else {
    graph = Graph::parse(read_text_file(config.graph, Graph::kMaxBytes));
  }
  graph.nodes().front().set("mean", config.mean.empty() ? joined(data.mean) : config.mean);
  graph.nodes().front().set("std", config.std.empty() ? joined(data.std) : config.std);
  return graph;
}

// Names of the weight parameters of layers with a weight quantizer.
std::set<std::string> quantized_weights(const Network& network) {
  std::set<std::string> out;
  const auto& nodes = network.graph().nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (network.layer(i).weight_quantizer()) out.insert(nodes[i].name + ".weight");
  }
  return out;
}

std::vector<ParamGroup> parameter_groups(const Network& network, const TrainConfig& config) {
  ParamGroup decayed, plain, quantizers, freezing;
  decayed.name = "weights";
  decayed.weight_decay = config.weight_decay;
  plain.name = "small";
  quantizers.name = "quantizers";
  quantizers.lr_scale = config.quantizer_lr;
  freezing.name = "freezing weights";
  freezing.weight_decay = config.weight_decay;
  freezing.lr_scale = config.weight_lr;
  const std::set<std::string> freezes = config.policy == "none" ? std::set<std::string>{} : quantized_weights(network);
  for (const Parameter& p : network.parameters()) {
    const bool decays = p.kind == ParamKind::kWeight || config.decay_small;
    (freezes.count(p.name)                ? freezing
     : p.kind == ParamKind::kQuantizer ? quantizers
     : decays                          ? decayed
                                       : plain)
        .params.push_back({p.name, p.value});
  }
  return {decayed, plain, quantizers, freezing};
}

using LayerCodes = std::map<std::string, std::vector<std::int8_t>>;

LayerCodes weight_codes(const Network& network) {
  LayerCodes out;
  const auto& nodes = network.graph().nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Layer& layer = network.layer(i);
    if (const WeightQuantizer* q = layer.weight_quantizer()) out[nodes[i].name] = q->deploy(layer.weight()).codes;
  }
  return out;
}

// Codes as tensors of a checkpoint, and back.
std::vector<NamedTensor> to_tensors(const LayerCodes& codes) {
  std::vector<NamedTensor> out;
  for (const auto& [layer, values] : codes) {
    const Tensor t = Tensor::empty(Shape{static_cast<std::int64_t>(values.size())});
    std::copy(values.begin(), values.end(), t.data<float>());
    out.push_back({layer, t});
  }
  return out;
}
LayerCodes from_tensors(const std::vector<NamedTensor>& tensors) {
  LayerCodes out;
  for (const NamedTensor& t : tensors) {
    std::vector<std::int8_t>& values = out[t.name];
    for (const float v : t.value.span<float>()) values.push_back(static_cast<std::int8_t>(std::clamp(v, -127.0f, 127.0f)));
  }
  return out;
}

class Trainer {
 public:
  Trainer(const TrainConfig& config, const std::string& run_dir, bool resume, const TrainCallbacks& callbacks)
      : config_(config), dir_(run_dir), callbacks_(callbacks) {
    config_.check();
    if (config_.policy != "none") config_.epochs = FreezeSchedule::parse(config_.phases).epochs();
    prepare_directory(resume);
    if (!config_.from.empty() && !resume) take_normalisation();
    data_ = load_data(config_);
    note("data: " + data_.name + " from " + data_.source);
    if (data_.train.count() == 0) throw ValueError("[train] the data set has no training images");
    if (config_.validation > 0) {
      Split split = split_train_validation(data_.train, config_.validation, static_cast<std::uint64_t>(config_.seed));
      data_.train = std::move(split.train);
      validation_ = std::move(split.validation);
    }
    LoaderOptions loading;
    loading.batch_size = static_cast<int>(std::min(config_.batch, data_.train.count()));
    loading.shuffle = true;
    loading.augment = Augment::parse(config_.augment);
    loading.seed = static_cast<std::uint64_t>(config_.seed);
    loading.workers = static_cast<int>(config_.workers);
    const ImageShape shape = loading.augment.output_shape(data_.train.shape());
    Graph graph = build_graph(config_, data_, shape);
    const ShapeCheck check = stored_shapes(graph, resume);
    network_ = std::make_unique<Network>(std::move(graph), static_cast<std::uint64_t>(config_.seed), check);
    loader_ = std::make_unique<BatchLoader>(data_.train, normalizer_of(network_->graph()), loading);
    OptimizerOptions options;
    options.momentum = config_.momentum;
    options.nesterov = config_.nesterov;
    options.beta1 = config_.beta1;
    options.beta2 = config_.beta2;
    optimizer_ = make_optimizer(config_.optimizer, options, parameter_groups(*network_, config_));
    schedule_ = make_schedule(config_.schedule);
    first_images_ = first_images();
    if (config_.policy != "none") freezing_ = std::make_unique<Freezing>(config_, *network_, *optimizer_);
    if (resume && fs::exists(path("last.safetensors"))) {
      load_checkpoint_into_run();
    } else {
      begin();
    }
  }

  TrainResult run() {
    TrainResult result;
    started_ = Clock::now();
    steps_at_start_ = position_.epoch * loader_->batches_per_epoch() + position_.step;
    while (position_.epoch < epochs()) {
      if (!run_epoch(result.last)) return result;
      if (stopping_ && position_.epoch < epochs()) return result;
    }
    result.finished = true;
    return result;
  }

 private:
  std::string path(const std::string& name) const { return (fs::path(dir_) / name).string(); }
  void note(const std::string& text) const {
    if (callbacks_.note) callbacks_.note(text);
  }

  void prepare_directory(bool resume) {
    std::error_code ec;
    const bool has_run = fs::exists(path("config.toml"), ec);
    if (resume && !fs::exists(path("last.safetensors"), ec)) {
      if (has_run) return;  // killed before the first checkpoint: start over
      throw IoError("[train] \"" + dir_ + "\" holds no run to resume");
    }
    if (!resume && has_run) {
      throw IoError("[train] \"" + dir_ + "\" holds a run already; continue it with --resume, or choose another directory");
    }
    fs::create_directories(dir_, ec);
    if (ec) throw IoError("[train] cannot create the directory \"" + dir_ + "\": " + ec.message());
  }

  // A new run, or one that was killed before its first checkpoint.
  void begin() {
    if (!config_.from.empty()) warm_start();
    if (freezing_) freezing_->start(dir_, [this](const std::string& text) { note(text); });
    calibrate();
    make_averages();
    write_file_atomically(path("config.toml"), config_.toml());
    write_file_atomically(path("metrics.jsonl"), std::string_view());
  }

  // Of the whole run; an auto phase may shorten it.
  std::int64_t epochs() const { return freezing_ ? freezing_->epochs() : config_.epochs; }

  std::string source_file() const {
    return fs::is_directory(config_.from) ? (fs::path(config_.from) / "last.safetensors").string() : config_.from;
  }

  // Pretrained weights expect the input that they were trained with: what a checkpoint's graph says, or the metadata of a
  // plain file; the configuration has the last word.
  void take_normalisation() {
    const SafetensorsFile file = read_tensors(source_file());
    std::map<std::string, std::string> found = file.metadata;
    if (const auto graph = file.metadata.find("graph"); graph != file.metadata.end()) {
      const Graph trained = Graph::parse(graph->second);
      for (const auto& [key, value] : trained.nodes().front().attrs) found[key] = value;
    }
    for (auto [name, field] : {std::pair("mean", &config_.mean), {"std", &config_.std}}) {
      if (!field->empty() || !found.contains(name)) continue;
      *field = found[name];
      note(std::string("input ") + name + " " + *field + ", as the weights of " + config_.from + " were trained with");
    }
  }

  void warm_start() {
    const std::string path = source_file();
    const ImportReport report = import_weights(*network_, read_tensors(path), path);
    note("warm start: " + std::to_string(report.used) + " tensors from " + path + ", " + std::to_string(report.missing) +
         " missing there, " + std::to_string(report.unused) + " unused");
    for (const ImportReport::Row& r : report.rows) {
      if (!r.note.empty()) note("  " + r.note + ": " + (r.source.empty() ? r.target : r.source) + " " + r.shape);
    }
  }

  // One training batch in file order, not augmented.
  Tensor first_images() const {
    const LoaderOptions options{.batch_size = static_cast<int>(std::min(config_.batch, data_.train.count())), .workers = 0};
    const Shape want = network_->input_shape();
    const Images fitted = convert_images(select_images(data_.train, first_indices(options.batch_size)),
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
    for (std::int64_t i = 0; i < n; ++i) out[static_cast<std::size_t>(i)] = i;
    return out;
  }

  // The file that the network's values will come from, if any, is asked about their shapes before they take storage.
  ShapeCheck stored_shapes(const Graph& graph, bool resume) const {
    const std::string file = path("last.safetensors");
    if (resume && fs::exists(file)) {
      const Checkpoint c = load_checkpoint(file);
      if (c.graph_text != graph.format()) {
        throw FormatError("[train] " + file + ": its topology differs from the one of config.toml");
      }
      return shapes_of(c.network, file);
    }
    return config_.from.empty() ? ShapeCheck{} : import_shapes(read_tensors(source_file()), source_file());
  }

  void load_checkpoint_into_run() {
    const std::string file = path("last.safetensors");
    make_averages();
    const Checkpoint c = load_checkpoint(file);
    restore(c.network, network_->state(), file);
    restore(c.optimizer, optimizer_->state(), file);
    if (averages_) restore(c.averages, averages_->state(), file);
    if (freezing_) {
      restore(c.freeze, freezing_->tensors(), file);
      freezing_->restore_state(c.freeze_state, file);
    }
    codes_before_ = from_tensors(c.codes);
    position_ = c.position;
    network_->rng().set_position(position_.rng_position);
    std::error_code ec;
    fs::resize_file(path("metrics.jsonl"), position_.metrics_bytes, ec);
    if (ec) throw IoError("[train] cannot shorten " + path("metrics.jsonl") + ": " + ec.message());
    note("resumed at epoch " + std::to_string(position_.epoch + 1) + ", step " + std::to_string(position_.step));
  }

  void save(const std::string& name) {
    position_.rng_position = network_->rng().position();
    save_checkpoint(path(name), {network_->graph().format(), config_.toml(), position_, network_->state(), optimizer_->state(),
                                 averages_ ? averages_->state() : std::vector<NamedTensor>{},
                                 freezing_ ? freezing_->tensors() : std::vector<NamedTensor>{},
                                 freezing_ ? freezing_->state() : "",
                                 position_.step > 0 ? to_tensors(codes_before_) : std::vector<NamedTensor>{}});
  }

  // False if the run was asked to stop within the epoch.
  bool run_epoch(EpochResult& result) {
    const std::int64_t epoch = position_.epoch;
    network_->set_training(true);
    network_->set_drop_path(config_.drop_path * static_cast<double>(epoch) / static_cast<double>(config_.epochs));
    if (position_.step == 0) {
      network_->on_epoch_begin(epoch);
      if (freezing_) freezing_->begin_epoch(epoch);
    }
    if (position_.step == 0 || codes_before_.empty()) codes_before_ = weight_codes(*network_);
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
    const Position where{.epoch = position_.epoch, .step = position_.step,
                         .steps_per_epoch = loader_->batches_per_epoch(), .epochs = epochs()};
    const double lr = freezing_ ? freezing_->lr(position_.epoch) : schedule_->lr(where);
    const Tensor images = batch_tensor(batch);
    const Tensor logits = network_->forward(images);
    const Tensor loss =
        cross_entropy(logits, Tensor::from(batch.labels, Shape{batch.size()}), config_.label_smoothing);
    const double value = loss.item();
    if (!std::isfinite(value)) explain_bad_loss(images);
    optimizer_->zero_grad();
    backward(loss);
    optimizer_->set_momentum(schedule_->momentum(where));
    if (config_.clip_norm > 0) clip_grad_norm(trainable(), config_.clip_norm);
    optimizer_->step(lr);
    network_->after_step();
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
                std::to_string(position_.step + 1) + "; first layer with a value that is not finite: " +
                (where.empty() ? "none, the loss itself" : where) +
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
    const std::int64_t done = p.epoch * p.steps + p.step;
    p.eta_seconds = seconds_since(started_) / static_cast<double>(std::max<std::int64_t>(done - steps_at_start_, 1)) *
                    static_cast<double>(p.epochs * p.steps - done);
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
      for (std::size_t i = 0; i < std::min(a->second.size(), b->second.size()); ++i) flips += a->second[i] != b->second[i];
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
    append_metrics(metrics_line(r));
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

  void append_metrics(const std::string& line) {
    std::ofstream out(path("metrics.jsonl"), std::ios::app | std::ios::binary);
    out << line << std::flush;
    if (!out) throw IoError("[train] cannot write " + path("metrics.jsonl"));
    position_.metrics_bytes += line.size();
  }

  TrainConfig config_;
  std::string dir_;
  TrainCallbacks callbacks_;
  Dataset data_;
  Images validation_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<BatchLoader> loader_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Schedule> schedule_;
  std::unique_ptr<ExponentialMovingAverage> averages_;
  std::unique_ptr<Freezing> freezing_;
  Tensor first_images_;  // normalised: for calibration and for the activations' health
  std::set<std::string> warned_;
  RunPosition position_;
  bool stopping_ = false;
  LayerCodes codes_before_;  // when the epoch under way began
  Clock::time_point started_;
  std::int64_t steps_at_start_ = 0;
  static constexpr std::int64_t kForecastSteps = 10;
  std::int64_t steps_run_ = 0;
};

}  // namespace

TrainResult train(const TrainConfig& config, const std::string& run_dir, bool resume, const TrainCallbacks& callbacks) {
  return Trainer(config, run_dir, resume, callbacks).run();
}

Dataset load_data(const TrainConfig& config) {
  LoadOptions options;
  options.data_dir = config.data_dir;
  options.search_path = config.data_search_path;
  options.size = static_cast<int>(config.image_size);
  options.limit_train = config.limit_train;
  options.limit_test = config.limit_test;
  return load_dataset(config.data, options);
}

TrainedRun load_weights(const TrainConfig& config, const std::string& file, ImportReport* report) {
  const Dataset data = load_data(config);
  const SafetensorsFile tensors = read_tensors(file);
  Network network(build_graph(config, data, data.test.shape()), static_cast<std::uint64_t>(config.seed),
                  import_shapes(tensors, file));
  ImportReport rows = import_weights(network, tensors, file);
  if (report) *report = std::move(rows);
  network.set_training(false);
  return {config, std::move(network)};
}

TrainedRun load_run(const std::string& run, const std::string& checkpoint) {
  std::error_code ec;
  std::string file = run;
  if (fs::is_directory(run, ec)) {
    const auto in_run = [&](const std::string& name) { return (fs::path(run) / (name + ".safetensors")).string(); };
    const bool best = checkpoint.empty() ? fs::exists(in_run("best"), ec) : false;
    file = in_run(!checkpoint.empty() ? checkpoint : best ? "best" : "last");
  }
  if (!fs::exists(file, ec)) throw IoError("[load_run] there is no checkpoint \"" + file + "\"; train one with tern train");
  const Checkpoint c = load_checkpoint(file);
  TrainConfig config = TrainConfig::parse(c.config_toml, file + " (config)");
  Network network = network_of(c, static_cast<std::uint64_t>(config.seed), file);
  restore(c.network, network.state(), file);
  if (!c.averages.empty()) {
    std::vector<NamedTensor> averaged;
    for (const Parameter& p : network.parameters()) averaged.push_back({"ema." + p.name, p.value});
    restore(c.averages, averaged, file);
  }
  network.set_training(false);
  return {std::move(config), std::move(network)};
}

}  // namespace tern
