// The list of schedules, as the rest of the room sees it.
#pragma once

#include <string>

#include "tern/optim.hpp"

namespace tern {

/// Errors: ValueError that lists the known names.
ScheduleFactory schedule_factory(const std::string& name);

}  // namespace tern
