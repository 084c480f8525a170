// The certificate: a walk over every quantized weight that counts those that are not on a level.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>

#include "tern/autograd.hpp"
#include "tern/freeze.hpp"

namespace tern {
namespace {

bool same_bits(float a, float b) {
  return a == b || std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

void certify_layer(const std::string& name, const Layer& layer, Certificate& out) {
  const NoGrad no_grad;
  const WeightQuantizer& quantizer = *layer.weight_quantizer();
  const WeightCodes codes = quantizer.deploy(layer.weight());
  const Tensor latent = layer.weight().contiguous(), used = layer.training_weight().contiguous();
  const std::size_t n = codes.codes.size(), size = n / std::max<std::size_t>(codes.scale_pos.size(), 1);
  std::map<int, float> latent_of;  // code to latent value, within a filter
  for (std::size_t i = 0; i < n; ++i) {
    if (i % size == 0) latent_of.clear();
    const int code = codes.codes[i];
    const float level = static_cast<float>(code) * (code > 0 ? codes.scale_pos : codes.scale_neg)[i / size];
    const float w = latent.data<float>()[i];
    const float expected = quantizer.fixed_levels() || code == 0 ? level : latent_of.emplace(code, w).first->second;
    if (same_bits(w, expected) && same_bits(used.data<float>()[i], level)) continue;
    if (out.off++ == 0) {
      out.first = name + "[" + std::to_string(i) + "]: " + std::to_string(w) + ", used as " +
                  std::to_string(used.data<float>()[i]) + "; its level is " + std::to_string(level);
    }
  }
  ++out.layers;
  out.weights += static_cast<std::int64_t>(n);
}

}  // namespace

Certificate certify(const Network& network) {
  Certificate out;
  const auto& nodes = network.graph().nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (network.layer(i).weight_quantizer()) certify_layer(nodes[i].name, network.layer(i), out);
  }
  return out;
}

}  // namespace tern
