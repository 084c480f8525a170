// CIFAR-10 as JPEG files in a tar or folder. The pixels are not the official ones: accuracies measured on them compare
// with nothing published.
#include "data/sets/cifar10_classes.hpp"
#include "data/tree.hpp"

namespace tern::data {

DatasetEntry cifar10_jpeg_dataset();

DatasetEntry cifar10_jpeg_dataset() {
  DatasetEntry e;
  e.summary = "CIFAR-10 recompressed as JPEG, 50,000 + 10,000 colour 32x32 (lossy: not comparable with CIFAR-10)";
  e.how_to_get =
      "put cifar10-jpeg.tar (train/<class>/NNNN.jpg, test/<class>/NNNN.jpg; unpack .tar.xz with xz -d) into a "
      "data folder";
  e.places = {"cifar10-jpeg.tar", "cifar10-jpeg"};
  e.class_names = cifar10_class_names();
  e.tree = true;
  e.load = [](const std::string& path, const LoadOptions& options) {
    LoadOptions o = options;
    if (o.shape.channels == 0) o.shape.channels = 3;
    Dataset set = read_tree(path, o);
    if (set.train.channels == 3 && set.train.height == 32) set_cifar10_normalisation(set);
    return set;
  };
  return e;
}

}  // namespace tern::data
