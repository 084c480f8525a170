// folder:<path>, anybody's images: <class>/<image>, or train/<class>/<image> and test/ or val/ likewise.
#include <filesystem>

#include "data/tree.hpp"

namespace tern::data {

DatasetEntry folder_dataset();

DatasetEntry folder_dataset() {
  DatasetEntry e;
  e.summary = "folder:<path>, your own images as <class>/<image>, or train/<class>/<image> and test/<class>/<image>";
  e.how_to_get = "name a folder that holds a folder of images for each class: folder:<path>";
  e.files = "<class>/<image>, or train/<class>/<image> and test/<class>/<image> (a tar file is read by tar:<path>)";
  e.present = [](const std::string& path) {
    std::error_code ignored;
    return std::filesystem::is_directory(path, ignored);
  };
  e.tree = true;
  e.load = read_tree_folder;
  return e;
}

}  // namespace tern::data
