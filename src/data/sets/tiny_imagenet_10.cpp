// Ten classes of Tiny ImageNet, 64 x 64 JPEG in a tar or folder with classes.txt; some files are grey and are widened.
#include "data/tree.hpp"

namespace tern::data {

DatasetEntry tiny_imagenet_10_dataset();

DatasetEntry tiny_imagenet_10_dataset() {
  DatasetEntry e;
  e.summary = "10 classes of Tiny ImageNet, 5,000 + 500 colour 64x64";
  e.how_to_get =
      "put tiny-imagenet-10.tar (classes.txt, train/<wnid>/NNNN.jpg, val/<wnid>/NNNN.jpg; unpack .tar.xz with xz -d) "
      "into a data folder";
  e.places = {"tiny-imagenet-10.tar", "tiny-imagenet-10"};
  e.tree = true;
  e.load = [](const std::string& path, const LoadOptions& options) {
    LoadOptions o = options;
    if (o.shape.channels == 0) o.shape.channels = 3;
    return read_tree(path, o);
  };
  return e;
}

}  // namespace tern::data
