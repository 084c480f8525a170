// tar:<path>, the same as folder: in an uncompressed tar file.
#include "data/tree.hpp"

namespace tern::data {

DatasetEntry tar_dataset();

DatasetEntry tar_dataset() {
  DatasetEntry e;
  e.summary = "tar:<path>, your own images as train/<class>/<image> and test/<class>/<image> in a tar file";
  e.how_to_get = "name a tar file that holds train/<class>/<image>: tar:<path>";
  e.load = read_tree_tar;
  return e;
}

}  // namespace tern::data
