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
  std::string asks_split;  ///< an option about a split that is asked for, by its name; empty: none
  std::string asks_tree;   ///< likewise one that trees of files take alone
  LoadOptions options;     ///< those given, with what the spec says in their place
};

/// Reads NAME[:PATH][,option=value]... Errors: ValueError on an unknown option or a value out of its range.
DatasetSpec parse_spec(std::string_view text, const LoadOptions& options);

}  // namespace tern::data
