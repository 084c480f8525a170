// folder:<path>, anybody's images: train/<class>/<image> and test/ or val/ likewise.
#include <filesystem>

#include "data/tree.hpp"

namespace tern::data {

DatasetEntry folder_dataset();

DatasetEntry folder_dataset() {
  DatasetEntry e;
  e.summary = "folder:<path>, your own images as train/<class>/<image> and test/<class>/<image>";
  e.how_to_get = "name a folder that holds train/<class>/<image>: folder:<path>";
  e.present = [](const std::string& path) {
    std::error_code ignored;
    return std::filesystem::is_directory(std::filesystem::path(path) / "train", ignored);
  };
  e.load = read_tree_folder;
  return e;
}

}  // namespace tern::data
