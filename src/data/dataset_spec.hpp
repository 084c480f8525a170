// What stands behind the name of a data set.
#pragma once

#include <string>
#include <string_view>

#include "tern/data.hpp"

namespace tern::data {

struct DatasetSpec {
  std::string name;  ///< of the set
  std::string path;  ///< where exactly; empty: to be looked for
  bool has_path = false;
  bool asks_split = false;
  LoadOptions options;  ///< those given, with what the spec says in their place
};

/// Reads NAME[:PATH][,option=value]... Errors: ValueError on an unknown option or a value out of its range.
DatasetSpec parse_spec(std::string_view text, const LoadOptions& options);

}  // namespace tern::data
