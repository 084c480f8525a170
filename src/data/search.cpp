// The search order: data_dir, search_path, system_dir, then the embedded data sets.
#include "data/search.hpp"

#include <algorithm>
#include <filesystem>

#include "data/embedded_dirs.hpp"
#include "data/registry.hpp"

namespace tern {
namespace data {
namespace {

bool holds(const DatasetEntry& entry, const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) && (!entry.present || entry.present(path));
}

}  // namespace

Found search_dataset(const DatasetEntry& entry, const LoadOptions& options) {
  Found found;
  const auto try_path = [&](const std::string& path) {
    if (!found.path.empty()) return;
    found.looked.push_back(path);
    if (holds(entry, path)) found.path = path;
  };
  const auto try_dir = [&](const std::string& dir) {
    if (dir.empty()) return;
    for (const std::string& place : entry.places) try_path((std::filesystem::path(dir) / place).string());
  };
  try_dir(options.data_dir);
  // Only the folder that the user names for this very purpose may be the set itself: MNIST and Fashion-MNIST have the
  // same file names, so a folder met on the search path is believed by its name alone.
  if (!options.data_dir.empty() && entry.present) try_path(options.data_dir);
  for (const std::string& dir : options.search_path) try_dir(dir);
  try_dir(options.system_dir);
  if (!options.embedded_dir.empty()) {
    try_dir(options.embedded_dir);
  } else {
    try_dir(TERN_INSTALLED_DATASETS);
    try_dir(TERN_SOURCE_DATASETS);
  }
  return found;
}

}  // namespace data

std::vector<std::string> split_path_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t colon = std::min(text.find(':'), text.size());
    if (colon > 0) parts.emplace_back(text.substr(0, colon));
    text.remove_prefix(std::min(colon + 1, text.size()));
  }
  return parts;
}

std::string find_dataset(std::string_view name, const LoadOptions& options) {
  return data::search_dataset(dataset_registry().find(name), options).path;
}

}  // namespace tern
