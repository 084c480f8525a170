// The weight codes of a network, layer by layer: what flips are counted from.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tern/nn.hpp"

namespace tern {

using LayerCodes = std::map<std::string, std::vector<std::int8_t>>;

/// Of every layer with a weight quantizer.
LayerCodes weight_codes(const Network& network);

/// Codes as tensors of a checkpoint, and back.
std::vector<NamedTensor> to_tensors(const LayerCodes& codes);
LayerCodes from_tensors(const std::vector<NamedTensor>& tensors);

}  // namespace tern
