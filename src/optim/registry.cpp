// The lists of optimizers and schedules: the rows of the .def files first, then what programs register.
#include "optim/registry.hpp"

namespace tern {

#define TERN_OPTIMIZER(name, file, help) OptimizerMethod optimizer_##name();
#include "optim/optimizers.def"
#undef TERN_OPTIMIZER
#define TERN_SCHEDULE(name, help) Method<ScheduleFactory> schedule_##name();
#include "optim/schedules/schedules.def"
#undef TERN_SCHEDULE

OptimizerRegistry& optimizer_registry() {
  static OptimizerRegistry r{
      {.what = "optimizer", .adder = "register_optimizer", .finder = "optimizer"},
      {
#define TERN_OPTIMIZER(name, file, help) method_row(#name, help, optimizer_##name()),
#include "optim/optimizers.def"
#undef TERN_OPTIMIZER
      },
  };
  return r;
}

ScheduleRegistry& schedule_registry() {
  static ScheduleRegistry r{
      {.what = "schedule", .adder = "register_schedule", .finder = "schedule"},
      {
#define TERN_SCHEDULE(name, help) method_row(#name, help, schedule_##name()),
#include "optim/schedules/schedules.def"
#undef TERN_SCHEDULE
      },
  };
  return r;
}

std::unique_ptr<Optimizer> make_optimizer(const Spec& spec, std::vector<ParamGroup> groups) {
  const auto row = optimizer_registry().find(spec.key);
  std::unique_ptr<Optimizer> out = row.make(row.completed(spec), std::move(groups));
  if (!out) throw ValueError("[optimizer] the factory of \"" + spec.key + "\" returned nothing");
  out->state();
  return out;
}
std::unique_ptr<Optimizer> make_optimizer(std::string_view spec, std::vector<ParamGroup> groups) {
  return make_optimizer(Spec::parse(spec), std::move(groups));
}
std::vector<MethodInfo> optimizers() { return optimizer_registry().list<MethodInfo>(); }
void register_optimizer(const std::string& name, const std::string& help, OptionTable options,
                        OptimizerFactory factory) {
  optimizer_registry().add({{{name, help}, std::move(options)}, std::move(factory)});
}
void register_optimizer(const std::string& name, const std::string& help, OptimizerFactory factory) {
  optimizer_registry().add({{{name, help}}, std::move(factory)});
}

std::vector<MethodInfo> schedules() { return schedule_registry().list<MethodInfo>(); }
void register_schedule(const std::string& name, const std::string& help, OptionTable options, ScheduleFactory factory) {
  schedule_registry().add({{{name, help}, std::move(options)}, std::move(factory)});
}
void register_schedule(const std::string& name, const std::string& help, ScheduleFactory factory) {
  schedule_registry().add({{{name, help}}, std::move(factory)});
}

}  // namespace tern
