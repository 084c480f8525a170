// Where data sets are looked for.
#pragma once

#include <string>
#include <vector>

#include "tern/data.hpp"

namespace tern::data {

struct Found {
  std::string path;                 ///< empty: nowhere
  std::vector<std::string> looked;  ///< every path tried
};

Found search_dataset(const DatasetEntry& entry, const LoadOptions& options);

}  // namespace tern::data
