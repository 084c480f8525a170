#include "train/pretrained.hpp"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "core/names.hpp"
#include "core/number_text.hpp"
#include "core/printable.hpp"
#include "files/read.hpp"
#include "tern/error.hpp"
#include "tern/numpy.hpp"
#include "train/checkpoint.hpp"
#include "train/internal.hpp"

namespace tern {
namespace {

namespace fs = std::filesystem;

bool is_number_list(std::string_view text) {
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    float v = 0;
    const auto [end, ec] = std::from_chars(word.data(), word.data() + word.size(), v);
    if (ec != std::errc{} || end != word.data() + word.size() || !std::isfinite(v)) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

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
    const Shape wanted = Shape::parse(graph.nodes().front().text("shape", "0"));
    if (wanted.rank() == 3 && wanted[0] != shape.channels) {
      throw ShapeError("[train] " + config.graph + " takes images of " + wanted.str() + "; the data set has " +
                       Shape{shape.channels, shape.height, shape.width}.str() + ": change shape= of its input node");
    }
  }
  graph.nodes().front().set("mean", config.mean.empty() ? number_texts(data.mean) : config.mean);
  graph.nodes().front().set("std", config.std.empty() ? number_texts(data.std) : config.std);
  return graph;
}

Dataset load_data(const TrainConfig& config) {
  LoadOptions options;
  options.data_dir = config.data_dir;
  options.search_path = config.data_search_path;
  options.shape.height = options.shape.width = static_cast<int>(config.image_size);
  options.limit_train = config.limit_train;
  options.limit_test = config.limit_test;
  return load_dataset(config.data, options);
}

std::string tell_data(const Dataset& data, const std::string& name, const RunCallbacks& callbacks) {
  if (callbacks.note) {
    callbacks.note("data: " + data.name + " from " + data.source);
    for (const std::string& note : data.notes) callbacks.note(note);
  }
  const bool told = !data.split || name.find(",split=") != name.npos;
  return told ? name : name + "," + data.split->text();
}

std::string checkpoint_path(const std::string& run, const std::string& checkpoint) {
  std::error_code ec;
  std::string file = run;
  if (fs::is_directory(run, ec)) {
    const auto in_run = [&](const std::string& name) { return (fs::path(run) / (name + ".safetensors")).string(); };
    const bool best = checkpoint.empty() && fs::exists(in_run("best"), ec);
    file = in_run(!checkpoint.empty() ? checkpoint : best ? "best" : "last");
  }
  if (fs::exists(file, ec)) return file;
  std::set<std::string> there;
  for (fs::directory_iterator it(run, ec), end; !ec && it != end; it.increment(ec)) {
    if (it->path().extension() == ".safetensors") there.insert(it->path().filename().string());
  }
  throw IoError("[load_run] there is no checkpoint \"" + file + "\"; " +
                (there.empty() ? "train one with tern train" : "there is " + join(there)));
}

Pretrained read_pretrained(const std::string& from) {
  const std::string path = checkpoint_path(from, "");
  return {path, read_tensors(path)};
}

Normalisation take_normalisation(TrainConfig& config, const Pretrained* pretrained) {
  std::map<std::string, std::string> found;
  if (pretrained) found = pretrained->file.metadata;
  if (const auto graph = found.find("graph"); graph != found.end()) {
    const Graph trained = Graph::parse(graph->second);
    for (const auto& [key, value] : trained.nodes().front().attrs) found[key] = value;
  }
  const auto take = [&](const char* name, std::string& field) -> std::string {
    if (!field.empty()) return "as set";
    const auto it = found.find(name);
    if (it == found.end()) return "of the data set";
    if (!is_number_list(it->second)) {
      throw FormatError("[import] " + pretrained->path +
                        ", byte 8, __metadata__: expected numbers joined by ',' for \"" + name + "\"; got \"" +
                        printable(it->second) + "\"");
    }
    field = it->second;
    return "from " + pretrained->path;
  };
  Normalisation out;
  out.mean_from = take("mean", config.mean);
  out.std_from = take("std", config.std);
  return out;
}

void complete(Normalisation& normalisation, const Graph& graph) {
  const GraphNode& input = graph.nodes().front();
  normalisation.mean = input.has("mean") ? input.text("mean") : "0";
  normalisation.std = input.has("std") ? input.text("std") : "1";
}

std::string Normalisation::line() const {
  return "input: mean " + printable(mean) + " (" + mean_from + "), std " + printable(std) + " (" + std_from + ")";
}

namespace {

// Latent weights of quantized layers are another network than the one that was trained, if nothing quantizes them.
void expect_quantizers_kept(const TrainConfig& config, const Pretrained& pretrained) {
  const auto text = pretrained.file.metadata.find("graph");
  if (text == pretrained.file.metadata.end() || !config.graph.empty() || !config.genotype.empty() ||
      config.weights != "none" || config.acts != "none")
    return;
  for (const auto& node : Graph::parse(text->second).nodes()) {
    const std::string weights = node.text("weights", "none");
    if (weights == "none") continue;
    throw ValueError("[load_weights] the weights of \"" + pretrained.path + "\" were trained for quantizers (node \"" +
                     node.name + "\": " + weights + "), and the topology " + config.model +
                     " has none: leave --model out, the checkpoint has its own topology");
  }
}

}  // namespace

TrainedRun load_weights(const TrainConfig& wanted, const std::string& from) {
  TrainConfig config = wanted;
  const Pretrained pretrained = read_pretrained(from);
  expect_quantizers_kept(config, pretrained);
  Normalisation normalisation = take_normalisation(config, &pretrained);
  Dataset data = load_data(config);
  DataRecord record = DataRecord::parse(pretrained.file.metadata, pretrained.path);
  if (!record.class_names.empty()) data.class_names = record.class_names;
  const Augment view = config.augment.empty() ? record.view : Augment::parse(config.augment);
  record = DataRecord::of(data, view);
  Network network(build_graph(config, data, view.output_shape(record.images)), static_cast<std::uint64_t>(config.seed),
                  import_shapes(pretrained.file, pretrained.path, config.allow_missing));
  complete(normalisation, network.graph());
  ImportReport mapping = import_weights(network, pretrained.file, pretrained.path, config.allow_missing);
  network.set_training(false);
  return {std::move(config), std::move(network), std::move(mapping), std::move(normalisation), std::move(record)};
}

TrainedRun load_run(const std::string& run, const std::string& checkpoint) {
  const std::string file = checkpoint_path(run, checkpoint);
  Checkpoint c = load_checkpoint(file);
  TrainConfig config = TrainConfig::parse(c.config_toml, file + " (config)");
  if (c.data.name.empty()) c.data.name = config.data;
  Network network = network_of(c, static_cast<std::uint64_t>(config.seed), file);
  restore(c.network, network.state(), file);
  std::map<std::string, std::string> source;
  for (const NamedTensor& t : network.state()) source[t.name] = "net." + t.name;
  if (!c.averages.empty()) {
    std::vector<NamedTensor> averaged;
    for (const Parameter& p : network.parameters()) {
      source[p.name] = "ema." + p.name;
      averaged.push_back({source[p.name], p.value});
    }
    restore(c.averages, averaged, file);
  }
  ImportReport mapping;
  for (const NamedTensor& t : network.state())
    mapping.rows.push_back({source[t.name], t.value.shape().str(), t.name, ""});
  mapping.used = static_cast<std::int64_t>(mapping.rows.size());
  Normalisation normalisation;
  complete(normalisation, network.graph());
  normalisation.mean_from = normalisation.std_from = "from " + file;
  network.set_training(false);
  return {std::move(config), std::move(network), std::move(mapping), std::move(normalisation), std::move(c.data)};
}

}  // namespace tern
