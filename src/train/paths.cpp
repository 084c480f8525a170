// Paths among the settings. A run is looked at from other folders than the one that it was made in, so that it keeps
// whole paths.
#include <filesystem>

#include "train/internal.hpp"

namespace tern {
namespace {

namespace fs = std::filesystem;

std::string whole(const std::string& path) { return path.empty() ? path : (fs::current_path() / path).string(); }

// Of a data set, whose name may have one.
std::string with_whole_path(const std::string& data) {
  const std::size_t colon = data.find(':');
  return colon == data.npos ? data : data.substr(0, colon + 1) + whole(data.substr(colon + 1));
}

}  // namespace

TrainConfig with_whole_paths(TrainConfig config) {
  config.data = with_whole_path(config.data);
  for (std::string* path : {&config.data_dir, &config.graph, &config.genotype, &config.from}) *path = whole(*path);
  return config;
}

SearchConfig with_whole_paths(SearchConfig config) {
  config.data = with_whole_path(config.data);
  config.data_dir = whole(config.data_dir);
  return config;
}

}  // namespace tern
