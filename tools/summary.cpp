// tern summary: the layers of a topology, with shapes, parameters, multiply-accumulates and bits.
#include <fmt/core.h>

#include "console.hpp"
#include "tern/nn.hpp"
#include "topology.hpp"

namespace tern::cli {
namespace {

struct SummaryOptions {
  Common common;
  TopologyOptions topology;
  bool text = false;
};

/// A file where a name stands is what its name says.
Graph graph_of(TopologyOptions topology) {
  std::string& name = topology.model;
  if (name.ends_with(".json")) {
    topology.genotype.swap(name);
  } else if (name.find_first_of("/.") != name.npos) {
    topology.graph.swap(name);
  }
  return topology.build_graph();
}

void print_summary(const SummaryOptions& o) {
  Graph graph = graph_of(o.topology);
  if (o.text) {
    if (o.common.json)
      print_json({{"graph", graph.format()}});
    else
      print_out("{}", graph.format());
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
  print_out("{}", table({"layer", "op", "output", "parameters", "MMAC", "bits", "quantizer"}, rows));
  print_out("weights {} (quantized {}), parameters {}, MMAC {:.1f} (quantized {:.1f}), mean {:.2f} bits a weight\n",
            total.weights, quantized, total.parameters, static_cast<double>(total.macs) / 1e6,
            static_cast<double>(quantized_macs) / 1e6, total.weights ? bits / static_cast<double>(total.weights) : 0.0);
}

}  // namespace

void add_summary(App& app) {
  auto o = std::make_shared<SummaryOptions>();
  App* verb = app.add_subcommand("summary", "Print the layers of a topology");
  add_topology_options(*verb, "MODEL,--model", o->topology);
  verb->add_flag("--text", o->text, "Print the graph text instead, which --graph reads");
  verb->examples({"tern summary vgg_small --weights twn --acts ternary --input 1x28x28",
                  "tern summary resnet20 --text > net.txt", "tern summary --graph net.txt"});
  add_common(*verb, o->common);
  verb->callback([o] { print_summary(*o); });
}

}  // namespace tern::cli
