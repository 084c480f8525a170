// Pretrained weights by name: torchvision's and the common CIFAR state dicts, and tern's own checkpoints.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "core/printable.hpp"
#include "tern/convert.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

void replace_all(std::string& s, const std::string& from, const std::string& to) {
  for (std::size_t at = s.find(from); at != std::string::npos; at = s.find(from, at + to.size()))
    s.replace(at, from.size(), to);
}

// One form for names that mean the same: "module.layer1.0.shortcut.1.weight" and "layer1_0_downsample_1.gamma" meet in
// "layer1_0_downsample_1.weight", "linear.bias" and "fc.bias" in "fc.bias".
std::string canonical(std::string name) {
  for (const std::string prefix : {"module.", "net."}) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  }
  const std::size_t dot = name.rfind('.');
  std::string node = name.substr(0, dot), field = dot == std::string::npos ? "" : name.substr(dot + 1);
  replace_all(node, ".", "_");
  replace_all(node, "shortcut_", "downsample_");
  if (node == "linear" || node == "classifier") node = "fc";
  if (field == "gamma") field = "weight";
  if (field == "beta") field = "bias";
  return node + "." + field;
}

// What a checkpoint's tensors are besides the network's.
constexpr const char* kAverage = "ema.";
bool belongs_to_run(const std::string& name) {
  return name.starts_with("optim.") || name.starts_with("freeze.") || name.starts_with("codes.");
}

// The tensors to import by canonical name; of a checkpoint averages in the place of what they average.
std::map<std::string, const NamedTensor*> sources_of(const SafetensorsFile& file, const std::string& file_name) {
  const bool checkpoint = file.metadata.contains("tern");
  std::map<std::string, const NamedTensor*> plain, averages;
  for (const NamedTensor& t : file.tensors) {
    if (checkpoint && belongs_to_run(t.name)) continue;
    const bool average = checkpoint && t.name.starts_with(kAverage);
    const std::string name = canonical(average ? t.name.substr(std::string_view(kAverage).size()) : t.name);
    const auto [at, is_new] = (average ? averages : plain).emplace(name, &t);
    if (!is_new) {
      throw ValueError("[import] " + file_name + ": \"" + printable(t.name) + "\" and \"" +
                       printable(at->second->name) + "\" mean the same tensor");
    }
  }
  averages.merge(plain);
  return averages;
}

// Weights, biases and what batch norms hold: without them a network computes nothing that was trained.
std::set<std::string> required_tensors(const Network& network) {
  std::set<std::string> out;
  for (const Parameter& p : network.parameters()) {
    if (p.kind == ParamKind::kWeight || p.kind == ParamKind::kBias) out.insert(p.name);
  }
  const auto& nodes = network.graph().nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].op != "batch_norm") continue;
    for (const Parameter& p : network.layer(i).parameters()) out.insert(nodes[i].name + "." + p.name);
    for (const NamedTensor& t : network.layer(i).buffers()) out.insert(nodes[i].name + "." + t.name);
  }
  return out;
}

// The values of `source` as the target wants them.
Tensor converted(const NamedTensor& source, const NamedTensor& target, const std::string& file_name) {
  const auto fail = [&](const std::string& what) {
    throw ValueError("[import] " + file_name + ": tensor \"" + printable(source.name) + "\" " + what);
  };
  if (target.value.dtype() == DType::kI64) return source.value.to(DType::kI64);
  if (source.value.dtype() == DType::kI64) {
    fail("holds integers (" + std::string(name_of(DType::kI64)) + "); expected floats for \"" + target.name + "\"");
  }
  const Tensor values = source.value.to(target.value.dtype()).contiguous();
  const bool is_variance = target.name.ends_with(".running_var");
  const std::vector<double> all = values.to_vector();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (std::isfinite(all[i]) && !(is_variance && all[i] < 0)) continue;
    fail("holds " + std::to_string(all[i]) + " at " + std::to_string(i) + "; expected " +
         (is_variance ? "finite variances >= 0" : "finite values"));
  }
  return values;
}

void require_shape(const std::string& source, const Shape& has, const std::string& target, const Shape& needs,
                   const std::string& file_name) {
  if (has == needs) return;
  throw ShapeError("[import] " + file_name + ": tensor \"" + printable(source) + "\" has shape " + has.str() + "; \"" +
                   target + "\" of this network needs " + needs.str());
}

}  // namespace

ShapeCheck import_shapes(const SafetensorsFile& file, const std::string& file_name) {
  std::map<std::string, std::pair<std::string, Shape>> sources;
  for (const auto& [name, t] : sources_of(file, file_name)) sources.emplace(name, std::pair(t->name, t->value.shape()));
  return [sources = std::move(sources), file_name](const std::string& name, const Shape& shape) {
    const auto it = sources.find(canonical(name));
    if (it != sources.end()) require_shape(it->second.first, it->second.second, name, shape, file_name);
  };
}

std::string ImportReport::summary() const {
  return std::to_string(used) + " tensors used, " + std::to_string(missing) + " missing, " + std::to_string(unused) +
         " unused";
}

std::string ImportReport::table() const {
  std::vector<std::array<std::string, 4>> lines{{"source", "shape", "target", ""}};
  for (const Row& r : rows) lines.push_back({printable(r.source), r.shape, r.target, r.note});
  std::array<std::size_t, 4> width{};
  for (const auto& line : lines) {
    for (std::size_t c = 0; c < line.size(); ++c) width[c] = std::max(width[c], line[c].size());
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t c = 0; c < line.size(); ++c) text += line[c] + std::string(width[c] - line[c].size() + 2, ' ');
    out += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

ImportReport import_weights(const Network& network, const SafetensorsFile& file, const std::string& file_name,
                            bool allow_missing) {
  const std::map<std::string, const NamedTensor*> sources = sources_of(file, file_name);
  std::map<std::string, std::string> unread;
  for (const UnreadTensor& t : file.unread) unread.emplace(canonical(t.name), t.name);
  const std::set<std::string> required = required_tensors(network);
  ImportReport report;
  std::set<const NamedTensor*> used;
  std::vector<std::pair<NamedTensor, const NamedTensor*>> pairs;
  std::vector<std::string> lacking;
  for (const NamedTensor& target : network.state()) {
    const auto it = sources.find(canonical(target.name));
    if (it == sources.end()) {
      if (const auto u = unread.find(canonical(target.name)); u != unread.end())
        (void)file.find(u->second);  // an error
      report.rows.push_back({"", target.value.shape().str(), target.name, "missing"});
      ++report.missing;
      if (required.contains(target.name)) lacking.push_back(target.name);
      continue;
    }
    const NamedTensor& source = *it->second;
    require_shape(source.name, source.value.shape(), target.name, target.value.shape(), file_name);
    report.rows.push_back({source.name, source.value.shape().str(), target.name, ""});
    used.insert(&source);
    pairs.emplace_back(target, &source);
    ++report.used;
  }
  for (const auto& [name, t] : sources) {
    if (used.contains(t)) continue;
    report.rows.push_back({t->name, t->value.shape().str(), "", "unused"});
    ++report.unused;
  }
  for (const UnreadTensor& t : file.unread) {
    report.rows.push_back({t.name, t.shape.str(), "", "unused"});
    ++report.unused;
  }
  if (report.used == 0) throw ValueError("[import] " + file_name + ": none of its tensors has a name of this network");
  if (!lacking.empty() && !allow_missing) {
    constexpr std::size_t kNamed = 5;
    std::string names;
    for (std::size_t i = 0; i < std::min(lacking.size(), kNamed); ++i) names += (i ? ", " : "") + lacking[i];
    throw ValueError(
        "[import] " + file_name + " lacks " + std::to_string(lacking.size()) + " tensors of this network: " + names +
        (lacking.size() > kNamed ? ", ..." : "") +
        "; expected the weights of this very topology (to leave these as they are initialised: allow_missing)");
  }
  std::vector<std::pair<Tensor, Tensor>> copies;
  for (const auto& [target, source] : pairs) copies.emplace_back(target.value, converted(*source, target, file_name));
  for (const auto& [to, from] : copies) to.copy_from(from);
  return report;
}

}  // namespace tern
