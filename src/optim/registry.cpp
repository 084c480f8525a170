// The lists of optimizers and schedules: the rows of the .def files first, then what programs register.
#include "optim/registry.hpp"

#include <algorithm>
#include <mutex>

#include "tern/error.hpp"

namespace tern {

#define TERN_OPTIMIZER(name, file, help) \
  std::unique_ptr<Optimizer> make_optimizer_##name(const OptimizerOptions&, std::vector<ParamGroup>);
#include "optim/optimizers.def"
#undef TERN_OPTIMIZER
#define TERN_SCHEDULE(name, help) std::unique_ptr<Schedule> make_schedule_##name(const Spec&);
#include "optim/schedules/schedules.def"
#undef TERN_SCHEDULE

namespace {

template <class Factory>
struct Registry {
  std::string what;
  std::vector<std::pair<OptimInfo, Factory>> rows;
  std::mutex mutex = {};

  void add(const std::string& key, const std::string& help, Factory factory) {
    const auto legal = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    const std::string op = "[register_" + what + "] ";
    if (key.empty() || !std::all_of(key.begin(), key.end(), legal) || key[0] < 'a') {
      throw ValueError(op + "expected a name of a-z, 0-9 and '_' that begins with a letter; got \"" + key + "\"");
    }
    if (!factory) throw ValueError(op + key + ": expected a factory; got none");
    const std::lock_guard lock(mutex);
    if (row(key) != rows.end()) throw ValueError(op + "expected a new name; got \"" + key + "\"");
    rows.push_back({{key, help}, std::move(factory)});
  }
  Factory find(const std::string& key) {
    const std::lock_guard lock(mutex);
    if (const auto r = row(key); r != rows.end()) return r->second;
    std::string known;
    for (const auto& r : rows) known += (known.empty() ? "" : ", ") + r.first.key;
    throw ValueError("[" + what + "] unknown " + what + " \"" + key + "\"; known: " + known);
  }
  std::vector<OptimInfo> list() {
    const std::lock_guard lock(mutex);
    std::vector<OptimInfo> out;
    for (const auto& r : rows) out.push_back(r.first);
    return out;
  }

 private:
  auto row(const std::string& key) {
    return std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.first.key == key; });
  }
};

Registry<OptimizerFactory>& optimizer_registry() {
  static Registry<OptimizerFactory> r{"optimizer",
                                      {
#define TERN_OPTIMIZER(name, file, help) {{#name, help}, make_optimizer_##name},
#include "optim/optimizers.def"
#undef TERN_OPTIMIZER
                                      }};
  return r;
}

Registry<ScheduleFactory>& schedule_registry() {
  static Registry<ScheduleFactory> r{"schedule",
                                     {
#define TERN_SCHEDULE(name, help) {{#name, help}, make_schedule_##name},
#include "optim/schedules/schedules.def"
#undef TERN_SCHEDULE
                                     }};
  return r;
}

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, const OptimizerOptions& options,
                                          std::vector<ParamGroup> groups) {
  std::unique_ptr<Optimizer> out = optimizer_registry().find(name)(options, std::move(groups));
  if (!out) throw ValueError("[optimizer] the factory of \"" + name + "\" returned nothing");
  out->state();
  return out;
}
std::vector<OptimInfo> optimizers() { return optimizer_registry().list(); }
void register_optimizer(const std::string& name, const std::string& help, OptimizerFactory factory) {
  optimizer_registry().add(name, help, std::move(factory));
}

ScheduleFactory schedule_factory(const std::string& name) { return schedule_registry().find(name); }
std::vector<OptimInfo> schedules() { return schedule_registry().list(); }
void register_schedule(const std::string& name, const std::string& help, ScheduleFactory factory) {
  schedule_registry().add(name, help, std::move(factory));
}

}  // namespace tern
