#include "topology.hpp"

#include "files/read.hpp"
#include "tern/error.hpp"
#include "tern/quant.hpp"
#include "tern/train.hpp"

namespace tern::cli {

namespace {

Graph model_graph(const std::string& model, ModelOptions how, const std::string& options) {
  if (!options.empty()) {
    for (auto& [key, value] : QuantSpec::parse("options:" + options).options) how.extra[key] = value;
  }
  return make_model(model, how);
}

}  // namespace

bool TopologyOptions::is_changed_by(bool ModelOptions::*flag) const {
  if (!genotype.empty()) return false;
  ModelOptions with = build, without = build;
  with.input = without.input = Shape::parse(input);
  with.*flag = true;
  without.*flag = false;
  return model_graph(model, with, options).format() != model_graph(model, without, options).format();
}

Graph TopologyOptions::build_graph() const {
  const int ways = !model.empty() + !graph.empty() + !genotype.empty();
  if (ways != 1) {
    throw ValidationError("--model", std::string("expected ") + (ways == 0 ? "a topology" : "one topology") +
                                         ": --model NAME (tern list models), --graph FILE or --genotype FILE");
  }
  if (!graph.empty()) {
    if (!given.empty()) throw ValidationError(*given.begin(), "has no effect with --graph, whose text says it");
    return Graph::parse(read_text_file(graph, Graph::kMaxBytes));
  }
  ModelOptions how = build;
  how.input = Shape::parse(input);
  if (!genotype.empty()) {
    for (const char* flag : {"--quantize-first-last", "--fp-shortcut"}) {
      if (given.contains(flag)) throw ValidationError(flag, "has no effect with --genotype");
    }
    TrainConfig config;
    config.genotype = genotype;
    config.width = how.width;
    config.weights = how.weights;
    config.acts = how.acts;
    config.options = options;
    return genotype_graph(config, how.input, how.classes);
  }
  for (const auto& [flag, field] : {std::pair{"--quantize-first-last", &ModelOptions::quantize_first_last},
                                    std::pair{"--fp-shortcut", &ModelOptions::fp_shortcut}}) {
    if (given.contains(flag) && how.*field && !is_changed_by(field))
      throw ValidationError(flag, "changes nothing in this topology with these --weights and --acts");
  }
  return model_graph(model, std::move(how), options);
}

void add_topology_options(App& app, const std::string& model_flags, TopologyOptions& o) {
  const auto told = [&o](const std::string& flag) { return [&o, flag](const std::string&) { o.given.insert(flag); }; };
  const auto switched = [&o](const std::string& flag, bool& value) {
    return [&o, flag, &value](bool on) {
      value = on;
      o.given.insert(flag);
    };
  };
  app.add_option(model_flags, o.model, "Topology by name (tern list models)");
  app.add_option("--graph", o.graph, "Topology from a graph text file instead of a name");
  app.add_option("--genotype", o.genotype, "Topology from a genotype file (tern search) instead of a name");
  app.add_option("--input", o.input, "Shape of its images, CxHxW")->capture_default_str().each(told("--input"));
  app.add_option("--classes", o.build.classes, "Its classes")->capture_default_str().each(told("--classes"));
  app.add_option("--width", o.build.width, "Its base width in channels; 0: its own")->each(told("--width"));
  app.add_option("--weights", o.build.weights,
                 "Weight quantizer; none: fp32, with a genotype its space's own (there fp32 is fp32)")
      ->capture_default_str()
      .each(told("--weights"));
  app.add_option("--acts", o.build.acts,
                 "Activation quantizer; none: ReLU, with a genotype its space's own (there fp32 is ReLU)")
      ->capture_default_str()
      .each(told("--acts"));
  app.add_flag_function("--quantize-first-last", switched("--quantize-first-last", o.build.quantize_first_last),
                        "Quantize its first and last layer too, the first on an 8-bit image");
  app.add_flag_function("--fp-shortcut", switched("--fp-shortcut", o.build.fp_shortcut),
                        "Keep 1x1 shortcut convolutions in fp32");
  app.add_option("--options", o.options, "Its own options, key=value joined by ','")->each(told("--options"));
}

}  // namespace tern::cli
