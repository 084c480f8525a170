// One row a layer: shapes, counts, multiply-accumulates, bits.
#include "tern/nn.hpp"

namespace tern {

std::vector<LayerSummary> summarize(const Network& network) {
  std::vector<LayerSummary> rows;
  const auto& nodes = network.graph().nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Layer& layer = network.layer(i);
    LayerSummary row;
    row.name = nodes[i].name;
    row.op = nodes[i].op;
    row.output = layer.output_shape();
    row.macs = layer.macs();
    for (const Parameter& p : layer.parameters()) {
      if (p.kind == ParamKind::kWeight) row.weights += p.value.numel();
      if (p.kind != ParamKind::kQuantizer) row.parameters += p.value.numel();
    }
    if (const WeightQuantizer* q = layer.weight_quantizer()) {
      const WeightCodes codes = q->deploy(layer.weight());
      row.quantized = true;
      row.quantizer = nodes[i].text("weights");
      row.weight_bits = codes.max_code == 1 ? (codes.has_zero ? 2 : 1) : codes.max_code <= 3 ? 3 : 8;
    } else if (layer.act_quantizer()) {
      row.quantizer = nodes[i].text("acts");
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace tern
