#include "train/weight_codes.hpp"

#include <algorithm>

namespace tern {

LayerCodes weight_codes(const Network& network) {
  LayerCodes out;
  const auto& nodes = network.graph().nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Layer& layer = network.layer(i);
    if (const WeightQuantizer* q = layer.weight_quantizer()) out[nodes[i].name] = q->deploy(layer.weight()).codes;
  }
  return out;
}

void count_flips(const LayerCodes& before, const LayerCodes& after, std::vector<LayerHealth>& health) {
  for (LayerHealth& h : health) {
    const auto a = before.find(h.layer), b = after.find(h.layer);
    if (a == before.end() || b == after.end()) continue;
    std::size_t flips = 0;
    for (std::size_t i = 0; i < std::min(a->second.size(), b->second.size()); ++i)
      flips += a->second[i] != b->second[i];
    h.flips = static_cast<double>(flips) / static_cast<double>(std::max<std::size_t>(a->second.size(), 1));
  }
}

std::vector<NamedTensor> to_tensors(const LayerCodes& codes) {
  std::vector<NamedTensor> out;
  for (const auto& [layer, values] : codes) {
    const Tensor t = Tensor::empty(Shape{static_cast<std::int64_t>(values.size())});
    std::copy(values.begin(), values.end(), t.data<float>());
    out.push_back({layer, t});
  }
  return out;
}

LayerCodes from_tensors(const std::vector<NamedTensor>& tensors) {
  LayerCodes out;
  for (const NamedTensor& t : tensors) {
    std::vector<std::int8_t>& values = out[t.name];
    for (const float v : t.value.span<float>())
      values.push_back(static_cast<std::int8_t>(std::clamp(v, -127.0f, 127.0f)));
  }
  return out;
}

}  // namespace tern
