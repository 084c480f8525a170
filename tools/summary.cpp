// tern summary: the layers of a topology, with shapes, parameters, multiply-accumulates and bits.
#include <fmt/core.h>

#include "console.hpp"
#include "core/file.hpp"
#include "tern/nn.hpp"
#include "tern/train.hpp"

namespace tern::cli {
namespace {

struct Options {
  Common common;
  std::string model, input = "3x32x32", options;
  ModelOptions build;
  bool graph = false;
};

Graph graph_of(Options& o) {
  o.build.input = Shape::parse(o.input);
  if (o.model.ends_with(".json")) {
    TrainConfig config;
    config.genotype = o.model;
    config.width = o.build.width;
    config.weights = o.build.weights;
    config.acts = o.build.acts;
    config.options = o.options;
    return genotype_graph(config, o.build.input, o.build.classes);
  }
  if (o.model.find('/') != std::string::npos || o.model.find('.') != std::string::npos) {
    return Graph::parse(read_text_file(o.model, Graph::kMaxBytes));
  }
  if (!o.options.empty()) {
    for (auto& [k, v] : QuantSpec::parse("options:" + o.options).options) o.build.extra[k] = v;
  }
  return make_model(o.model, o.build);
}

void print_summary(Options& o) {
  Graph graph = graph_of(o);
  if (o.graph) {
    if (o.common.json)
      print_json({{"graph", graph.format()}});
    else
      fmt::print("{}", graph.format());
    return;
  }
  const Network network(std::move(graph), 1);
  const std::vector<LayerSummary> layers = summarize(network);
  LayerSummary total;
  std::int64_t quantized = 0, quantized_macs = 0;
  double bits = 0;
  std::vector<std::vector<std::string>> rows;
  nlohmann::ordered_json json;
  for (const LayerSummary& l : layers) {
    total.weights += l.weights;
    total.parameters += l.parameters;
    total.macs += l.macs;
    bits += l.weight_bits * static_cast<double>(l.weights);
    if (l.quantized) {
      quantized += l.weights;
      quantized_macs += l.macs;
    }
    rows.push_back({l.name, l.op, l.output.str(), std::to_string(l.parameters),
                    fmt::format("{:.2f}", static_cast<double>(l.macs) / 1e6),
                    l.weights ? fmt::format("{:g}", l.weight_bits) : "", l.quantizer});
    json["layers"].push_back({{"name", l.name},
                              {"op", l.op},
                              {"output", l.output.str()},
                              {"parameters", l.parameters},
                              {"weights", l.weights},
                              {"macs", l.macs},
                              {"bits", l.weight_bits},
                              {"quantizer", l.quantizer}});
  }
  if (o.common.json) {
    json["weights"] = total.weights;
    json["parameters"] = total.parameters;
    json["macs"] = total.macs;
    json["quantized_weights"] = quantized;
    json["quantized_macs"] = quantized_macs;
    print_json(json);
    return;
  }
  fmt::print("{}", table({"layer", "op", "output", "parameters", "MMAC", "bits", "quantizer"}, rows));
  fmt::print("weights {} (quantized {}), parameters {}, MMAC {:.1f} (quantized {:.1f}), mean {:.2f} bits a weight\n",
             total.weights, quantized, total.parameters, static_cast<double>(total.macs) / 1e6,
             static_cast<double>(quantized_macs) / 1e6,
             total.weights ? bits / static_cast<double>(total.weights) : 0.0);
}

}  // namespace

void add_summary(App& app) {
  auto o = std::make_shared<Options>();
  App* verb = app.add_subcommand("summary", "Print the layers of a topology");
  verb->add_option("MODEL", o->model, "Topology by name (tern list models), a genotype (.json), or a graph text file")
      ->required();
  verb->add_option("--input", o->input, "Shape of an image, CxHxW")->capture_default_str();
  verb->add_option("--classes", o->build.classes, "Number of classes")->capture_default_str();
  verb->add_option("--width", o->build.width, "Base width in channels; 0: the topology's own");
  verb->add_option("--weights", o->build.weights,
                   "Weight quantizer; none: fp32, with a genotype its space's own (there fp32 is fp32)")
      ->capture_default_str();
  verb->add_option("--acts", o->build.acts,
                   "Activation quantizer; none: ReLU, with a genotype its space's own (there fp32 is ReLU)")
      ->capture_default_str();
  verb->add_flag("--quantize-first-last", o->build.quantize_first_last, "Quantize the first and last layer too");
  verb->add_flag("--fp-shortcut", o->build.fp_shortcut, "Keep 1x1 shortcut convolutions in fp32");
  verb->add_option("--options", o->options, "Further options of the topology, key=value joined by ','");
  verb->add_flag("--graph", o->graph, "Print the graph text instead");
  add_common(*verb, o->common);
  verb->callback([o] { print_summary(*o); });
}

}  // namespace tern::cli
