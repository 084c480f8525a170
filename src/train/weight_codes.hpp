// The weight codes of a network, layer by layer: what flips are counted from.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tern/nn.hpp"
#include "tern/train.hpp"

namespace tern {

using LayerCodes = std::map<std::string, std::vector<std::int8_t>>;

/// Of every layer with a weight quantizer.
LayerCodes weight_codes(const Network& network);

/// Sets the flips of each layer: the share of its codes that differ.
void count_flips(const LayerCodes& before, const LayerCodes& after, std::vector<LayerHealth>& health);

/// Codes as tensors of a checkpoint, and back.
std::vector<NamedTensor> to_tensors(const LayerCodes& codes);
LayerCodes from_tensors(const std::vector<NamedTensor>& tensors);

}  // namespace tern
