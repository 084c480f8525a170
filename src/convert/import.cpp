// Pretrained weights by name: torchvision's and the common CIFAR state dicts, and tern's own checkpoints.
#include <algorithm>
#include <map>
#include <set>

#include "tern/convert.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

void replace_all(std::string& s, const std::string& from, const std::string& to) {
  for (std::size_t at = s.find(from); at != std::string::npos; at = s.find(from, at + to.size())) s.replace(at, from.size(), to);
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

// Tensors of a checkpoint that are not the network's.
bool belongs_to_run(const std::string& name) {
  return name.starts_with("optim.") || name.starts_with("ema.") || name.starts_with("freeze.");
}

void require_shape(const std::string& source, const Shape& has, const std::string& target, const Shape& needs,
                   const std::string& file_name) {
  if (has == needs) return;
  throw ShapeError("[import] " + file_name + ": tensor \"" + source + "\" has shape " + has.str() + "; \"" + target +
                   "\" of this network needs " + needs.str());
}

}  // namespace

ShapeCheck import_shapes(const SafetensorsFile& file, const std::string& file_name) {
  std::map<std::string, std::pair<std::string, Shape>> sources;
  for (const NamedTensor& t : file.tensors) {
    if (!belongs_to_run(t.name)) sources.emplace(canonical(t.name), std::pair(t.name, t.value.shape()));
  }
  return [sources = std::move(sources), file_name](const std::string& name, const Shape& shape) {
    const auto it = sources.find(canonical(name));
    if (it != sources.end()) require_shape(it->second.first, it->second.second, name, shape, file_name);
  };
}

ImportReport import_weights(const Network& network, const SafetensorsFile& file, const std::string& file_name) {
  std::map<std::string, const NamedTensor*> sources;
  for (const NamedTensor& t : file.tensors) {
    if (belongs_to_run(t.name)) continue;
    if (!sources.emplace(canonical(t.name), &t).second) {
      throw ValueError("[import] " + file_name + ": \"" + t.name + "\" and \"" + sources.at(canonical(t.name))->name +
                       "\" mean the same tensor");
    }
  }
  std::map<std::string, std::string> unread;
  for (const UnreadTensor& t : file.unread) unread.emplace(canonical(t.name), t.name);
  ImportReport report;
  std::set<const NamedTensor*> used;
  std::vector<std::pair<Tensor, Tensor>> copies;
  for (const NamedTensor& target : network.state()) {
    const auto it = sources.find(canonical(target.name));
    if (it == sources.end()) {
      if (const auto u = unread.find(canonical(target.name)); u != unread.end()) (void)file.find(u->second);  // an error
      report.rows.push_back({"", target.value.shape().str(), target.name, "missing"});
      ++report.missing;
      continue;
    }
    const NamedTensor& source = *it->second;
    require_shape(source.name, source.value.shape(), target.name, target.value.shape(), file_name);
    report.rows.push_back({source.name, source.value.shape().str(), target.name, ""});
    used.insert(&source);
    copies.emplace_back(target.value, source.value);
    ++report.used;
  }
  for (const NamedTensor& t : file.tensors) {
    if (!belongs_to_run(t.name) && !used.contains(&t)) {
      report.rows.push_back({t.name, t.value.shape().str(), "", "unused"});
      ++report.unused;
    }
  }
  for (const UnreadTensor& t : file.unread) {
    report.rows.push_back({t.name, t.shape.str(), "", "unused"});
    ++report.unused;
  }
  if (report.used == 0) throw ValueError("[import] " + file_name + ": none of its tensors has a name of this network");
  for (const auto& [to, from] : copies) to.copy_from(from.to(to.dtype()));
  return report;
}

}  // namespace tern
