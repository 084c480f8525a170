// The list of policies: the rows of policies.def first, then what programs register.
#include <algorithm>
#include <mutex>

#include "tern/error.hpp"
#include "tern/freeze.hpp"

namespace tern {

namespace freeze {
#define TERN_FREEZE_POLICY(key, help) std::unique_ptr<FreezePolicy> make_policy_##key(const Spec&);
#include "freeze/policies.def"
#undef TERN_FREEZE_POLICY
}  // namespace freeze

namespace {

struct Registry {
  std::vector<std::pair<FreezePolicyInfo, FreezePolicyFactory>> rows{
#define TERN_FREEZE_POLICY(key, help) {{#key, help}, freeze::make_policy_##key},
#include "freeze/policies.def"
#undef TERN_FREEZE_POLICY
  };
  std::mutex mutex = {};

  auto row(const std::string& key) {
    return std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.first.key == key; });
  }
};

Registry& registry() {
  static Registry r;
  return r;
}

}  // namespace

std::unique_ptr<FreezePolicy> make_freeze_policy(const Spec& spec) {
  FreezePolicyFactory factory;
  {
    Registry& r = registry();
    const std::lock_guard lock(r.mutex);
    const auto it = r.row(spec.key);
    if (it == r.rows.end()) {
      std::string known;
      for (const auto& row : r.rows) known += (known.empty() ? "" : ", ") + row.first.key;
      throw ValueError("[freeze] unknown policy \"" + spec.key + "\"; known: " + known);
    }
    factory = it->second;
  }
  return factory(spec);
}

std::vector<FreezePolicyInfo> freeze_policies() {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  std::vector<FreezePolicyInfo> out;
  for (const auto& row : r.rows) out.push_back(row.first);
  return out;
}

void register_freeze_policy(const std::string& key, const std::string& help, FreezePolicyFactory factory) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  if (r.row(key) != r.rows.end()) throw ValueError("[register] the freezing policy \"" + key + "\" exists already");
  r.rows.push_back({{key, help}, std::move(factory)});
}

}  // namespace tern
