// The list of policies: the rows of policies.def first, then what programs register.
#include "freeze/registry.hpp"

#include "freeze/method.hpp"

namespace tern {

namespace freeze {
#define TERN_FREEZE_POLICY(key, help) PolicyMethod policy_##key();
#include "freeze/policies.def"
#undef TERN_FREEZE_POLICY
}  // namespace freeze

FreezePolicyRegistry& freeze_policy_registry() {
  static FreezePolicyRegistry r{
      {.what = "freezing policy", .adder = "register_freeze_policy", .finder = "freeze"},
      {
#define TERN_FREEZE_POLICY(key, help) method_row(#key, help, freeze::policy_##key()),
#include "freeze/policies.def"
#undef TERN_FREEZE_POLICY
      },
  };
  return r;
}

std::unique_ptr<FreezePolicy> make_freeze_policy(const Spec& spec) {
  const auto row = freeze_policy_registry().find(spec.key);
  return row.make(row.completed(spec));
}
std::vector<MethodInfo> freeze_policies() { return freeze_policy_registry().list<MethodInfo>(); }
void register_freeze_policy(const std::string& key, const std::string& help, OptionTable options,
                            FreezePolicyFactory factory) {
  freeze_policy_registry().add({{{key, help}, std::move(options)}, std::move(factory)});
}
void register_freeze_policy(const std::string& key, const std::string& help, FreezePolicyFactory factory) {
  freeze_policy_registry().add({{{key, help}}, std::move(factory)});
}

}  // namespace tern
