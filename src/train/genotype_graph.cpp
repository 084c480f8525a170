// From the settings of a training run to the network of a genotype.
#include "tern/error.hpp"
#include "tern/nas.hpp"
#include "train/internal.hpp"

namespace tern {

Graph genotype_graph(const TrainConfig& config, const Shape& input, std::int64_t classes) {
  const nas::Genotype genotype = nas::Genotype::load(config.genotype);
  const auto spec = [](const std::string& s) {
    return s == "none" ? std::string() : s == "fp32" ? std::string("none") : s;
  };
  nas::CellOptions options;
  options.space = genotype.space;
  options.cell_template = genotype.cell_template;
  options.weights = spec(config.weights);
  options.acts = spec(config.acts);
  options.input = input;
  options.classes = classes;
  if (config.width > 0) options.width = config.width;
  double budget = 0;
  if (!config.options.empty()) {
    const Spec extra = Spec::parse("options:" + config.options);
    extra.allow_only({"cells", "template", "reduction_skip", "budget"});
    options.cells = extra.integer("cells", static_cast<int>(options.cells));
    options.cell_template = extra.text("template", options.cell_template);
    options.reduction_skip = extra.text("reduction_skip", options.reduction_skip);
    budget = extra.number("budget", 0);
    if (!(budget >= 0 && budget < 1e12)) throw ValueError("[train] expected a budget of 0 to 1e12 weights");
    if (budget > 0 && config.width > 0) throw ValueError("[train] expected width or options=budget=, not both");
  }
  if (budget > 0) options.width = nas::width_for_budget(genotype, options, static_cast<std::int64_t>(budget));
  return nas::final_graph(genotype, options);
}

}  // namespace tern
