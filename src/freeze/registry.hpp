// The list of freezing policies.
#pragma once

#include "core/registry.hpp"
#include "tern/freeze.hpp"

namespace tern {

using FreezePolicyRegistry = Registry<FactoryRow<MethodInfo, FreezePolicyFactory>>;
FreezePolicyRegistry& freeze_policy_registry();

}  // namespace tern
