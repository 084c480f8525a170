// Which parameters follow which rules: rates and weight decay by what they are.
#include <set>

#include "core/tensor_names.hpp"
#include "tern/train.hpp"
#include "train/internal.hpp"

namespace tern {
namespace {

// Names of the weight parameters of layers with a weight quantizer.
std::set<std::string> quantized_weights(const Network& network) {
  std::set<std::string> out;
  const auto& nodes = network.graph().nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (network.layer(i).weight_quantizer()) out.insert(tensor_names::full(nodes[i].name, tensor_names::kWeight));
  }
  return out;
}

}  // namespace

std::vector<ParamGroup> parameter_groups(const Network& network, const TrainConfig& config) {
  ParamGroup decayed, plain, quantizers, freezing;
  decayed.name = "weights";
  decayed.weight_decay = config.weight_decay;
  plain.name = "small";
  quantizers.name = "quantizers";
  quantizers.lr_scale = config.quantizer_lr;
  freezing.name = "freezing weights";
  freezing.weight_decay = config.weight_decay;
  freezing.lr_scale = config.weight_lr;
  const std::set<std::string> freezes = config.policy == "none" ? std::set<std::string>{} : quantized_weights(network);
  for (const Parameter& p : network.parameters()) {
    const bool decays = p.kind == ParamKind::kWeight || config.decay_small;
    (freezes.count(p.name)             ? freezing
     : p.kind == ParamKind::kQuantizer ? quantizers
     : decays                          ? decayed
                                       : plain)
        .params.push_back({p.name, p.value});
  }
  return {decayed, plain, quantizers, freezing};
}

}  // namespace tern
