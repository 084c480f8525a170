// The lists of layers and models.
#pragma once

#include "core/registry.hpp"
#include "tern/nn.hpp"

namespace tern {

using LayerRegistry = Registry<FactoryRow<RegistryInfo, LayerFactory>>;
LayerRegistry& layer_registry();
using ModelRegistry = Registry<FactoryRow<RegistryInfo, ModelFactory>>;
ModelRegistry& model_registry();

/// Errors: ValueError naming the node and listing the known ops.
std::unique_ptr<Layer> make_layer(const LayerPlace& place);

}  // namespace tern
