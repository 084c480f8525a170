// The lists of quantizers.
#pragma once

#include "core/registry.hpp"
#include "tern/quant.hpp"

namespace tern {

using WeightQuantizerRegistry = Registry<FactoryRow<MethodInfo, WeightQuantizerFactory>>;
WeightQuantizerRegistry& weight_quantizer_registry();
using ActQuantizerRegistry = Registry<FactoryRow<MethodInfo, ActQuantizerFactory>>;
ActQuantizerRegistry& act_quantizer_registry();

}  // namespace tern
