// The registry of data sets, as the rest of the room sees it.
#pragma once

#include <string_view>

#include "tern/data.hpp"

namespace tern::data {

/// Errors: ValueError that lists the known names. '_' stands for '-'.
DatasetEntry dataset_entry(std::string_view name);

}  // namespace tern::data
