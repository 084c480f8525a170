#pragma once

#include "tern/nn.hpp"

namespace tern {

/// Errors: ValueError naming the node and listing the known ops.
std::unique_ptr<Layer> make_layer(const LayerPlace& place);

}  // namespace tern
