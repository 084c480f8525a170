// The optimizer that a configuration asks for, and the settings that belong to one optimizer and not to another.
#include <algorithm>
#include <type_traits>

#include "tern/error.hpp"
#include "tern/optim.hpp"
#include "train/internal.hpp"

namespace tern {
namespace {

bool has_option(const std::string& optimizer, const std::string& option) {
  for (const MethodInfo& row : optimizers()) {
    if (row.key != optimizer || !row.options) continue;
    return std::ranges::any_of(*row.options, [&](const SpecOption& o) { return o.name == option; });
  }
  return false;
}

// f("momentum", config.momentum, its standard value) and so on.
template <class Config, class F>
void for_each_setting(Config& config, F&& f) {
  const TrainConfig standard;
  f("momentum", config.momentum, standard.momentum);
  f("nesterov", config.nesterov, standard.nesterov);
  f("beta1", config.beta1, standard.beta1);
  f("beta2", config.beta2, standard.beta2);
}

// A setting that has its standard value was not given.
template <class T>
void add_option(Spec& spec, const std::string& option, T setting, T standard) {
  const auto text = [&] { return Spec{"the setting", {}}.with(option, static_cast<double>(setting)).str(); };
  if (!has_option(spec.key, option)) {
    if (setting == standard) return;
    throw ValueError("[train] the optimizer " + spec.key + " has no " + option + ": " + text() +
                     " has no effect; leave it out, or name an optimizer that has it");
  }
  if (!spec.has(option)) {
    spec = spec.with(option, static_cast<double>(setting));
    return;
  }
  T own;
  if constexpr (std::is_same_v<T, bool>)
    own = spec.flag(option);
  else
    own = spec.number(option);
  if (setting == standard || setting == own) return;
  throw ValueError("[train] expected one " + option + "; got optimizer = \"" + spec.str() + "\" and " + text());
}

}  // namespace

Spec optimizer_spec(const TrainConfig& config) {
  Spec spec = Spec::parse(config.optimizer);
  for_each_setting(
      config, [&](const char* option, auto setting, auto standard) { add_option(spec, option, setting, standard); });
  return spec;
}

void forget_other_optimizers(TrainConfig& config) {
  const std::string key = Spec::parse(config.optimizer).key;
  for_each_setting(config, [&](const char* option, auto& setting, auto standard) {
    if (!has_option(key, option)) setting = standard;
  });
}

}  // namespace tern
