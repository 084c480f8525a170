// Pretrained weights by name: torchvision's and the common CIFAR state dicts, and tern's own checkpoints.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>

#include "core/names.hpp"
#include "core/printable.hpp"
#include "core/tensor_names.hpp"
#include "tern/convert.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

void replace_all(std::string& s, const std::string& from, const std::string& to) {
  for (std::size_t at = s.find(from); at != std::string::npos; at = s.find(from, at + to.size()))
    s.replace(at, from.size(), to);
}

// "a, b, c, d, e and 7 more"
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kNamed = 5;
  const std::string list = join(std::span(names).first(std::min(names.size(), kNamed)), ", ",
                                [](const std::string& name) { return printable(name); });
  return names.size() > kNamed ? list + " and " + std::to_string(names.size() - kNamed) + " more" : list;
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
  if (field == tensor_names::kGamma) field = tensor_names::kWeight;
  if (field == tensor_names::kBeta) field = tensor_names::kBias;
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
  const bool is_variance = tensor_names::is_a(target.name, tensor_names::kRunningVar);
  const std::vector<double> all = values.to_vector();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (std::isfinite(all[i]) && !(is_variance && all[i] < 0)) continue;
    fail("holds " + std::to_string(all[i]) + " at " + std::to_string(i) + "; expected " +
         (is_variance ? "finite variances >= 0" : "finite values"));
  }
  return values;
}

void require_shape(const std::string& source, const Shape& has, const std::string& target, const Shape& needs,
                   const std::string& file_name, const std::string& cure = "") {
  if (has == needs) return;
  throw ShapeError("[import] " + file_name + ": tensor \"" + printable(source) + "\" has shape " + has.str() + "; \"" +
                   target + "\" of this network needs " + needs.str() + cure);
}

bool other_first_extent(const Shape& a, const Shape& b) {
  return a.rank() > 0 && a.rank() == b.rank() && a != b && a.with(0, b[0]) == b;
}

// The nodes from the last one with weights on: what depends on the number of classes.
std::set<std::string> classifier_of(const Network& network) {
  std::set<std::string> out;
  const auto& nodes = network.graph().nodes();
  for (std::size_t i = nodes.size(); i-- > 0;) {
    out.insert(nodes[i].name);
    if (network.layer(i).weight().defined()) break;
  }
  return out;
}

std::string node_of(const std::string& tensor, const Graph& graph) {
  std::string node = tensor;
  while (graph.find(node) < 0 && node.find('.') != std::string::npos) node.erase(node.rfind('.'));
  return node;
}

// Where nodes of one name and op have other keys in the network that a checkpoint was saved from, grouped by key. Keys
// that the shapes show, or that concern training or quantizers alone, do not count.
std::vector<std::string> differences(const Graph& there, const Graph& here) {
  std::map<std::string, std::vector<std::string>> nodes_by_difference;
  for (const GraphNode& node : here.nodes()) {
    const std::int64_t at = there.find(node.name);
    if (at < 0 || there.nodes()[static_cast<std::size_t>(at)].op != node.op || node.op == "input") continue;
    const GraphNode& old = there.nodes()[static_cast<std::size_t>(at)];
    std::set<std::string> keys;
    for (const GraphNode* n : {&node, &old}) {
      for (const auto& [key, value] : n->attrs) keys.insert(key);
    }
    for (const char* other : {"out", "weights", "acts", "init", "momentum", "p", "grad", "stop_grad"})
      keys.erase(other);
    for (const std::string& key : keys) {
      const auto text = [&](const GraphNode& n) { return n.has(key) ? key + "=" + n.text(key) : "no " + key; };
      if (text(old) != text(node))
        nodes_by_difference[text(old) + " there, " + text(node) + " here"].push_back(node.name);
    }
  }
  std::vector<std::string> out;
  for (const auto& [difference, nodes] : nodes_by_difference)
    out.push_back("trained with " + printable(difference) + ": " + some_of(nodes));
  return out;
}

// The tensors of file and network, brought together.
class Matching {
 public:
  Matching(const Network& network, const SafetensorsFile& file, const std::string& file_name, bool allow_missing)
      : file_(file), file_name_(file_name), allow_missing_(allow_missing) {
    sources_ = sources_of(file, file_name);
    for (const UnreadTensor& t : file.unread) unread_.emplace(canonical(t.name), t.name);
    const std::set<std::string> required = required_tensors(network), classifier = classifier_of(network);
    std::map<std::string, std::string> taken;
    for (const NamedTensor& target : network.state()) {
      const auto [at, is_new] = taken.emplace(canonical(target.name), target.name);
      if (!is_new) {
        throw ValueError("[import] \"" + at->second + "\" and \"" + target.name +
                         "\" of this network would be the same tensor of a file; rename a node");
      }
      match(target, required.contains(target.name), classifier.contains(node_of(target.name, network.graph())));
    }
    leave_unused();
    refuse_gaps();
    if (const auto graph = file.metadata.find("graph"); graph != file.metadata.end())
      for (std::string& line : differences(Graph::parse(graph->second), network.graph()))
        report_.remarks.push_back(std::move(line));
  }

  ImportReport copy() && {
    std::vector<std::pair<Tensor, Tensor>> copies;
    for (const auto& [target, source] : pairs_) {
      copies.emplace_back(target.value, converted(*source, target, file_name_));
    }
    for (const auto& [to, from] : copies) to.copy_from(from);
    return std::move(report_);
  }

 private:
  void match(const NamedTensor& target, bool required, bool of_classifier) {
    const std::string name = canonical(target.name);
    const Shape& needs = target.value.shape();
    const auto it = sources_.find(name);
    if (it == sources_.end()) {
      if (const auto u = unread_.find(name); u != unread_.end()) (void)file_.find(u->second);  // an error
      report_.rows.push_back({"", needs.str(), target.name, "missing"});
      report_.remarks.push_back("missing: " + target.name + " " + needs.str());
      ++report_.missing;
      if (required) lacking_.push_back(target.name);
      return;
    }
    const NamedTensor& source = *it->second;
    const Shape& has = source.value.shape();
    used_.insert(&source);
    if (of_classifier && other_first_extent(has, needs)) {
      if (!allow_missing_)
        require_shape(source.name, has, target.name, needs, file_name_,
                      " (to start the classifier anew: allow_missing)");
      report_.rows.push_back({source.name, has.str(), target.name, "anew"});
      report_.remarks.push_back("starts anew: " + target.name + " " + needs.str() + ", which is " + has.str() +
                                " in the file");
      ++report_.anew;
      return;
    }
    require_shape(source.name, has, target.name, needs, file_name_);
    report_.rows.push_back({source.name, has.str(), target.name, ""});
    pairs_.emplace_back(target, &source);
    ++report_.used;
  }

  void leave_unused() {
    std::vector<std::string> weights;
    for (const auto& [name, t] : sources_) {
      if (used_.contains(t)) continue;
      report_.rows.push_back({t->name, t->value.shape().str(), "", "unused"});
      if (t->value.shape().rank() > 1) weights.push_back(t->name);
      ++report_.unused;
    }
    for (const UnreadTensor& t : file_.unread) {
      report_.rows.push_back({t.name, t.shape.str(), "", "unused"});
      ++report_.unused;
    }
    if (!weights.empty()) report_.remarks.push_back("unused, though they may be weights: " + some_of(weights));
  }

  void refuse_gaps() const {
    if (report_.used == 0)
      throw ValueError("[import] " + file_name_ + ": none of its tensors has a name of this network");
    if (lacking_.empty() || allow_missing_) return;
    throw ValueError("[import] " + file_name_ + " lacks " + std::to_string(lacking_.size()) +
                     " tensors of this network: " + some_of(lacking_) +
                     "; expected the weights of this very topology (to leave these as they are initialised: "
                     "allow_missing)");
  }

  const SafetensorsFile& file_;
  const std::string& file_name_;
  bool allow_missing_;
  std::map<std::string, const NamedTensor*> sources_;
  std::map<std::string, std::string> unread_;
  ImportReport report_;
  std::set<const NamedTensor*> used_;
  std::vector<std::pair<NamedTensor, const NamedTensor*>> pairs_;
  std::vector<std::string> lacking_;
};

}  // namespace

ShapeCheck import_shapes(const SafetensorsFile& file, const std::string& file_name, bool allow_missing) {
  std::map<std::string, std::pair<std::string, Shape>> sources;
  for (const auto& [name, t] : sources_of(file, file_name)) sources.emplace(name, std::pair(t->name, t->value.shape()));
  return [sources = std::move(sources), file_name, allow_missing](const std::string& name, const Shape& shape) {
    const auto it = sources.find(canonical(name));
    if (it == sources.end()) return;
    const auto& [source, has] = it->second;
    if (!allow_missing || !other_first_extent(has, shape)) require_shape(source, has, name, shape, file_name);
  };
}

ImportReport import_weights(const Network& network, const SafetensorsFile& file, const std::string& file_name,
                            bool allow_missing) {
  return Matching(network, file, file_name, allow_missing).copy();
}

}  // namespace tern
