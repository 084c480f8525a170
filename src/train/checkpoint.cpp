#include "train/checkpoint.hpp"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "core/printable.hpp"
#include "core/tensor_names.hpp"
#include "files/json.hpp"
#include "tern/error.hpp"
#include "tern/safetensors.hpp"

namespace tern {
namespace {

using nlohmann::json;

// What stands in "state", once, for both directions.
template <class F>
void for_each_field(Checkpoint& c, F&& f) {
  RunPosition& p = c.position;
  f("epoch", p.epoch);
  f("step", p.step);
  f("loss_sum", p.loss_sum);
  f("correct", p.correct);
  f("seen", p.seen);
  f("seconds", p.seconds);
  f("rng_position", c.rng_position);
  f("best_validation", p.best_validation);
  f("metrics_bytes", p.metrics_bytes);
}

template <class T>
std::string bad_value(std::span<const T> values, bool is_variance) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && !(is_variance && values[i] < 0)) continue;
    return "holds " + (std::isnan(values[i]) ? "nan" : std::to_string(values[i])) + " at " + std::to_string(i) +
           "; expected " + (is_variance ? "finite variances >= 0" : "finite values");
  }
  return "";
}

// "" if every value may stand in a checkpoint.
std::string bad_value(const NamedTensor& t) {
  const bool is_variance = tensor_names::is_a(t.name, tensor_names::kRunningVar);
  if (t.value.dtype() == DType::kF32) return bad_value<float>(t.value.span<float>(), is_variance);
  if (t.value.dtype() == DType::kF64) return bad_value<double>(t.value.span<double>(), is_variance);
  return "";
}

}  // namespace

void check_position(const RunPosition& p, std::int64_t epochs, std::int64_t steps, std::int64_t images,
                    const std::string& path) {
  const bool within = p.epoch >= 0 && p.epoch < epochs + (p.step == 0) && p.step >= 0 && p.step <= steps;
  const bool counts = p.seen >= p.step && p.seen <= images && (p.seen == 0) == (p.step == 0) &&
                      (p.seen == images) == (p.step == steps) && p.correct >= 0 && p.correct <= p.seen &&
                      std::isfinite(p.loss_sum) && std::isfinite(p.seconds) && p.seconds >= 0;
  if (within && counts) return;
  throw FormatError("[checkpoint] " + path + ", byte 8, state: expected a position within " + std::to_string(epochs) +
                    " epochs of " + std::to_string(steps) + " steps; got epoch " + std::to_string(p.epoch) + ", step " +
                    std::to_string(p.step) + ", " + std::to_string(p.seen) + " images");
}

std::string unreadable(const Checkpoint& c) {
  for (const auto* tensors : {&c.network, &c.optimizer, &c.averages, &c.freeze}) {
    for (const NamedTensor& t : *tensors) {
      const std::string bad = bad_value(t);
      const std::size_t dot = std::min(t.name.find('.'), t.name.size() - 1);
      if (!bad.empty()) return "layer \"" + t.name.substr(0, dot) + "\": its " + t.name.substr(dot + 1) + " " + bad;
    }
  }
  return "";
}

void save_checkpoint(const std::string& path, const Checkpoint& c) {
  std::vector<NamedTensor> tensors;
  for (const NamedTensor& t : c.network) tensors.push_back({"net." + t.name, t.value});
  for (const NamedTensor& t : c.optimizer) tensors.push_back({"optim." + t.name, t.value});
  tensors.insert(tensors.end(), c.averages.begin(), c.averages.end());  // named "ema." already
  for (const NamedTensor& t : c.freeze) tensors.push_back({"freeze." + t.name, t.value});
  for (const NamedTensor& t : c.codes) tensors.push_back({"codes." + t.name, t.value});
  json state = json::object();
  Checkpoint where{.position = c.position, .rng_position = c.rng_position};
  for_each_field(where, [&](const char* name, auto& value) { state[name] = value; });
  std::map<std::string, std::string> metadata{
      {"tern", "checkpoint 1"}, {"graph", c.graph_text}, {"config", c.config_toml}, {"state", state.dump()}};
  if (!c.freeze_state.empty()) metadata["freeze"] = c.freeze_state;
  metadata.merge(c.data.text());
  if (!c.kernels.isa.empty()) metadata["isa"] = c.kernels.isa;
  if (!c.kernels.blas.empty()) metadata["blas"] = c.kernels.blas;
  write_safetensors(path, tensors, metadata);
}

Checkpoint load_checkpoint(const std::string& path) {
  const SafetensorsFile file = read_safetensors(path);
  const auto text = [&](const char* key) {
    const auto it = file.metadata.find(key);
    if (it == file.metadata.end()) {
      throw FormatError("[checkpoint] " + path + ", byte 8, __metadata__: expected \"" + key +
                        "\"; this is not a checkpoint of tern (to start from plain weights use --from)");
    }
    return it->second;
  };
  if (text("tern") != "checkpoint 1") {
    throw FormatError("[checkpoint] " + path + ": expected version \"checkpoint 1\"; got \"" + printable(text("tern")) +
                      "\"");
  }
  if (!file.unread.empty()) (void)file.find(file.unread.front().name);  // an error: tern writes no such dtype
  Checkpoint c;
  c.graph_text = text("graph");
  c.config_toml = text("config");
  if (file.metadata.contains("freeze")) c.freeze_state = text("freeze");
  c.data = DataRecord::parse(file.metadata, path);
  if (file.metadata.contains("isa")) c.kernels.isa = text("isa");
  if (file.metadata.contains("blas")) c.kernels.blas = text("blas");
  try {
    const json state = parse_json<json>(text("state"));
    for_each_field(c, [&](const char* name, auto& value) {
      value = state.at(name).get<std::remove_reference_t<decltype(value)>>();
    });
  } catch (const json::exception&) {
    throw FormatError("[checkpoint] " + path + ", byte 8, state: not the JSON of a run's position");
  }
  for (const NamedTensor& t : file.tensors) {
    if (t.name.starts_with("net.")) c.network.push_back({t.name.substr(4), t.value});
    if (t.name.starts_with("codes.")) c.codes.push_back({t.name.substr(6), t.value});
    if (t.name.starts_with("freeze.")) c.freeze.push_back({t.name.substr(7), t.value});
    if (t.name.starts_with("ema.")) c.averages.push_back(t);
    if (t.name.starts_with("optim.")) c.optimizer.push_back({t.name.substr(6), t.value});
  }
  return c;
}

ShapeCheck shapes_of(const std::vector<NamedTensor>& from, const std::string& path) {
  std::map<std::string, Shape> shapes;
  for (const NamedTensor& t : from) shapes.emplace(t.name, t.value.shape());
  return [shapes = std::move(shapes), path](const std::string& name, const Shape& shape) {
    const auto it = shapes.find(name);
    if (it == shapes.end()) throw FormatError("[checkpoint] " + path + ": tensor \"" + name + "\" is missing");
    if (!(it->second == shape)) {
      throw FormatError("[checkpoint] " + path + ": tensor \"" + name + "\" has shape " + it->second.str() +
                        "; its graph asks for " + shape.str());
    }
  };
}

namespace {

FormatError bad_graph(const std::string& path, const std::string& what) {
  return FormatError("[checkpoint] " + path + ", graph: " + what);
}

}  // namespace

Graph graph_of(const Checkpoint& c, const std::string& path) {
  try {
    return Graph::parse(c.graph_text);
  } catch (const Error& e) {
    throw bad_graph(path, e.what());
  }
}

Network network_of(const Checkpoint& c, std::uint64_t seed, const std::string& path) {
  Graph graph = graph_of(c, path);
  try {
    return Network(std::move(graph), seed, shapes_of(c.network, path));
  } catch (const FormatError&) {
    throw;  // names the file already
  } catch (const Error& e) {
    throw bad_graph(path, e.what());
  }
}

void restore(const std::vector<NamedTensor>& from, const std::vector<NamedTensor>& to, const std::string& path) {
  std::map<std::string, Tensor> source;
  for (const NamedTensor& t : from) source[t.name] = t.value;
  for (const NamedTensor& t : to) {
    const auto it = source.find(t.name);
    if (it == source.end())
      throw FormatError("[checkpoint] " + path + ": tensor \"" + printable(t.name) + "\" is missing");
    const Tensor& found = it->second;
    const std::string tensor = "[checkpoint] " + path + ": tensor \"" + printable(t.name) + "\"";
    if (!(found.shape() == t.value.shape())) {
      throw FormatError(tensor + " has shape " + found.shape().str() + "; expected " + t.value.shape().str());
    }
    if (found.dtype() != t.value.dtype()) {
      throw FormatError(tensor + " holds " + std::string(name_of(found.dtype())) + "; expected " +
                        std::string(name_of(t.value.dtype())));
    }
    const std::string bad = bad_value({t.name, found});
    if (!bad.empty()) throw FormatError(tensor + " " + bad);
    t.value.copy_from(found);
    source.erase(it);
  }
  if (!source.empty()) {
    throw FormatError("[checkpoint] " + path + ": tensor \"" + printable(source.begin()->first) +
                      "\" does not belong to this network");
  }
}

}  // namespace tern
