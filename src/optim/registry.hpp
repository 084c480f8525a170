// The lists of optimizers and schedules.
#pragma once

#include "core/registry.hpp"
#include "tern/optim.hpp"

namespace tern {

using OptimizerMethod = Method<OptimizerFactory>;
using OptimizerRegistry = Registry<FactoryRow<MethodInfo, OptimizerFactory>>;
OptimizerRegistry& optimizer_registry();
using ScheduleRegistry = Registry<FactoryRow<MethodInfo, ScheduleFactory>>;
ScheduleRegistry& schedule_registry();

}  // namespace tern
