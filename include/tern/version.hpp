// Versions of tern and of the libraries that it was built with.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tern/public.h"

namespace tern {

TERN_PUBLIC std::string version();
/// Name and version of each third-party library in use, OpenBLAS with the kernels that it chose.
TERN_PUBLIC std::vector<std::pair<std::string, std::string>> library_versions();

}  // namespace tern
