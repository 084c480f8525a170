// What a file of policies gives the registry of one.
#pragma once

#include "core/registry.hpp"
#include "tern/freeze.hpp"

namespace tern::freeze {

using PolicyMethod = Method<FreezePolicyFactory>;

template <class P>
std::unique_ptr<FreezePolicy> make_policy(const Spec& spec) {
  return std::make_unique<P>(spec);
}

}  // namespace tern::freeze
