#include "tern/version.hpp"

#include <fmt/core.h>
#include <toml++/toml.h>
#include <zlib.h>

#include <nlohmann/json.hpp>

#include "core/version.hpp"
#include "kernels/float/blas.hpp"

namespace tern {

std::string version() { return TERN_VERSION; }

std::vector<std::pair<std::string, std::string>> library_versions() {
  return {{"blas", kernels::blas_description()},
          {"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
          {"nlohmann-json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                                        NLOHMANN_JSON_VERSION_PATCH)},
          {"toml++", fmt::format("{}.{}.{}", TOML_LIB_MAJOR, TOML_LIB_MINOR, TOML_LIB_PATCH)},
          {"zlib", ::zlibVersion()}};
}

}  // namespace tern
