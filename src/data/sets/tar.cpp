// tar:<path>, the same as folder: in an uncompressed tar file.
#include <filesystem>

#include "data/tree.hpp"

namespace tern::data {

DatasetEntry tar_dataset();

DatasetEntry tar_dataset() {
  DatasetEntry e;
  e.summary = "tar:<path>, your own images as in folder:<path>, in an uncompressed tar file";
  e.how_to_get = "name a tar file that holds a folder of images for each class: tar:<path>";
  e.files = "<class>/<image>, or train/<class>/<image> and test/<class>/<image> (a folder is read by folder:<path>)";
  e.present = [](const std::string& path) {
    std::error_code ignored;
    return !std::filesystem::is_directory(path, ignored);
  };
  e.tree = true;
  e.load = read_tree_tar;
  return e;
}

}  // namespace tern::data
