#include "without_effect.hpp"

#include <algorithm>

#include "files/read.hpp"
#include "tern/error.hpp"
#include "tern/nas.hpp"
#include "tern/nn.hpp"
#include "tern/quant.hpp"
#include "topology.hpp"

namespace tern::cli {
namespace {

// A setting that acts under a condition.
template <class Config>
struct Condition {
  const char* setting;
  bool (*holds)(const Config&);
  const char* needs;
};

constexpr const char* kPathSays = "has no effect with --data that names a path";

template <class Config>
bool has_searched_data(const Config& c) {
  return c.data.find(':') == std::string::npos;
}

// ---- training ----

bool starts_with_key(const std::string& spec, std::string_view key) { return spec.substr(0, spec.find(':')) == key; }
bool is_sgd(const TrainConfig& c) { return starts_with_key(c.optimizer, "sgd"); }
bool is_adam(const TrainConfig& c) {
  return starts_with_key(c.optimizer, "adam") || starts_with_key(c.optimizer, "adamw");
}
bool freezes(const TrainConfig& c) { return c.policy != "none"; }
bool names_model(const TrainConfig& c) { return c.graph.empty() && c.genotype.empty(); }
bool builds_topology(const TrainConfig& c) { return c.graph.empty(); }

// What cannot be told from wrong settings is left to those who name what is wrong with them.
template <class Question>
bool unless_wrong(Question&& question) {
  try {
    return question();
  } catch (const Error&) {
    return true;
  }
}

Graph graph_in(const TrainConfig& c) { return Graph::parse(read_text_file(c.graph, Graph::kMaxBytes)); }

bool has_learning_quantizers(const TrainConfig& c) {
  if (!c.genotype.empty()) return true;
  return unless_wrong([&] {
    if (!c.graph.empty()) {
      const Network network(graph_in(c), 1);
      return std::ranges::any_of(network.parameters(),
                                 [](const Parameter& p) { return p.kind == ParamKind::kQuantizer; });
    }
    const bool weights = c.weights != "none" &&
                         !make_weight_quantizer(QuantSpec::parse(c.weights), Shape{4, 4, 3, 3})->learnables().empty();
    return weights || (c.acts != "none" && !make_act_quantizer(QuantSpec::parse(c.acts))->learnables().empty());
  });
}

bool has_quantized_weights(const TrainConfig& c) {
  if (!c.genotype.empty()) return true;
  if (c.graph.empty()) return c.weights != "none";
  return unless_wrong([&] {
    return std::ranges::any_of(graph_in(c).nodes(),
                               [](const auto& node) { return node.text("weights", "none") != "none"; });
  });
}

bool drops_paths(const TrainConfig& c) {
  if (!c.genotype.empty()) return true;
  if (c.graph.empty()) return false;
  return unless_wrong([&] {
    return std::ranges::any_of(graph_in(c).nodes(), [](const auto& node) { return node.op == "drop_path"; });
  });
}

// Whether the topology is another one for that switch, on images of some size that it takes.
bool changes_topology(const TrainConfig& c, bool ModelOptions::*flag) {
  if (!c.graph.empty()) return false;
  for (const char* input : {"3x32x32", "3x64x64", "3x224x224", "1x28x28"}) {
    try {
      TopologyOptions topology;
      (c.genotype.empty() ? topology.model : topology.genotype) = c.genotype.empty() ? c.model : c.genotype;
      topology.input = input;
      topology.options = c.options;
      topology.build.weights = c.weights;
      topology.build.acts = c.acts;
      topology.build.width = c.width;
      topology.build.quantize_first_last = c.quantize_first_last;
      topology.build.fp_shortcut = c.fp_shortcut;
      return topology.is_changed_by(flag);
    } catch (const Error&) {  // another size may do
    }
  }
  return true;
}

bool has_momentum(const TrainConfig& c) {
  return unless_wrong([&] {
    const Spec spec = Spec::parse(c.optimizer);
    return (spec.has("momentum") ? spec.number("momentum", 0) : c.momentum) > 0;
  });
}

constexpr const char* kGraphSays = "has no effect with --graph, whose text says it";
constexpr const char* kSameTopology = "changes nothing in this topology with these --weights and --acts";
constexpr Condition<TrainConfig> kTraining[] = {
    {"model", names_model, "names another topology than --graph or --genotype"},
    {"genotype", builds_topology, "names another topology than --graph"},
    {"width", builds_topology, kGraphSays},
    {"weights", builds_topology, kGraphSays},
    {"acts", builds_topology, kGraphSays},
    {"quantize_first_last", builds_topology, kGraphSays},
    {"fp_shortcut", builds_topology, kGraphSays},
    {"options", builds_topology, kGraphSays},
    {"quantize_first_last",
     [](const TrainConfig& c) {
       return !c.quantize_first_last || changes_topology(c, &ModelOptions::quantize_first_last);
     },
     kSameTopology},
    {"fp_shortcut",
     [](const TrainConfig& c) { return !c.fp_shortcut || changes_topology(c, &ModelOptions::fp_shortcut); },
     kSameTopology},
    {"data_dir", has_searched_data<TrainConfig>, kPathSays},
    {"momentum", is_sgd, "has no effect without --optimizer sgd"},
    {"nesterov", is_sgd, "has no effect without --optimizer sgd"},
    {"nesterov", [](const TrainConfig& c) { return !c.nesterov || has_momentum(c); }, "has no effect without momentum"},
    {"beta1", is_adam, "has no effect without --optimizer adam or adamw"},
    {"beta2", is_adam, "has no effect without --optimizer adam or adamw"},
    {"decay_small", [](const TrainConfig& c) { return !c.decay_small || c.weight_decay > 0; },
     "has no effect with --weight-decay 0"},
    {"quantizer_lr", has_learning_quantizers, "has no effect: the quantizers here learn no parameters of their own"},
    {"gradient_bits", [](const TrainConfig& c) { return c.gradient_bits == 0 || has_quantized_weights(c); },
     "has no effect without layers whose weights are quantized (--weights)"},
    {"epochs", [](const TrainConfig& c) { return !freezes(c); },
     "has no effect with --policy: --phases say the epochs"},
    {"schedule", [](const TrainConfig& c) { return !freezes(c); },
     "has no effect with --policy: --phases say the rates"},
    {"phases", freezes, "has no effect without --policy"},
    {"rescale", freezes, "has no effect without --policy"},
    {"weight_lr", freezes, "has no effect without --policy"},
    {"drop_path", [](const TrainConfig& c) { return c.drop_path == 0 || drops_paths(c); },
     "has no effect here: only topologies of --genotype, and graphs with drop_path, drop paths"},
    {"allow_missing", [](const TrainConfig& c) { return !c.from.empty(); }, "has no effect without --from"},
    {"keep_best", [](const TrainConfig& c) { return !c.keep_best || c.validation > 0; },
     "has no effect without --validation: the best epoch is told by images that are held out"},
};

// ---- search ----

bool has_limits(const SearchConfig& c) { return c.max_bytes > 0 || c.max_macs > 0; }
constexpr const char* kNoLimit = "has no effect without --max-bytes or --max-macs";
constexpr Condition<SearchConfig> kSearch[] = {
    {"data_dir", has_searched_data<SearchConfig>, kPathSays},
    {"temperature", [](const SearchConfig& c) { return c.paths == "one"; }, "has no effect without --paths one"},
    {"entropy_decay",
     [](const SearchConfig& c) {
       return unless_wrong(
           [&] { return (c.entropy_weight < 0 ? nas::space(c.space).entropy_weight : c.entropy_weight) > 0; });
     },
     "has no effect where the entropy weighs nothing (--entropy-weight)"},
    {"zero_gamma",
     [](const SearchConfig& c) {
       return unless_wrong(
           [&] { return c.allow_zero == "auto" ? nas::space(c.space).allow_zero : c.allow_zero == "true"; });
     },
     "has no effect where zero is no part of a genotype (--allow-zero)"},
    {"reduction_skip",
     [](const SearchConfig& c) {
       return unless_wrong(
           [&] { return (c.cell_template.empty() ? nas::space(c.space).cell_template : c.cell_template) != "darts"; });
     },
     "has no effect with the cell template darts, which has no skips"},
    {"limit_weight", has_limits, kNoLimit},
    {"final_cells", has_limits, kNoLimit},
    {"final_width", has_limits, kNoLimit},
};

template <class Config, std::size_t n>
void refuse(const Condition<Config> (&conditions)[n], std::span<const Config> configs, const Overrides& given) {
  for (const Condition<Config>& c : conditions) {
    if (given.contains(c.setting) && std::ranges::none_of(configs, c.holds))
      throw ValidationError(flag_of(c.setting), c.needs);
  }
}

}  // namespace

std::string flag_of(std::string setting) {
  std::ranges::replace(setting, '_', '-');
  return "--" + setting;
}

void refuse_without_effect(std::span<const TrainConfig> configs, const Overrides& given) {
  refuse(kTraining, configs, given);
}
void refuse_without_effect(const TrainConfig& config, const Overrides& given) {
  refuse(kTraining, std::span(&config, 1), given);
}
void refuse_without_effect(const SearchConfig& config, const Overrides& given) {
  refuse(kSearch, std::span(&config, 1), given);
}

void refuse_with_resume(const std::string& config_file, const Overrides& given) {
  constexpr const char* kKept = "not with --resume: what is resumed keeps the settings of its config.toml";
  if (!config_file.empty()) throw ValidationError("\"" + config_file + "\"", kKept);
  if (!given.empty()) throw ValidationError(flag_of(given.begin()->first), kKept);
}

void refuse_idle_data_dir(const std::string& data_dir, const std::string& data) {
  if (!data_dir.empty() && data.find(':') != std::string::npos) throw ValidationError("--data-dir", kPathSays);
}

}  // namespace tern::cli
