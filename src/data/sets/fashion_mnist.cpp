// Fashion-MNIST: 70,000 grey 28 x 28 images of clothing in 10 classes.
// Paper: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms",
// 2017.
#include "data/idx.hpp"
#include "data/sets/fashion_classes.hpp"

namespace tern::data {

DatasetEntry fashion_mnist_dataset();

DatasetEntry fashion_mnist_dataset() {
  DatasetEntry e;
  e.summary = "Fashion-MNIST, 60,000 + 10,000 grey 28x28, 10 kinds of clothing";
  e.how_to_get =
      "apt install dataset-fashion-mnist (Debian, Ubuntu), or datasets/fetch --into DIR fashion-mnist, then "
      "--data-dir DIR or TERN_DATA=DIR";
  e.files = kIdxFiles;
  e.places = {"fashion-mnist", "FashionMNIST"};
  e.class_names = fashion_class_names();
  e.present = is_idx_folder;
  e.load = [](const std::string& path, const LoadOptions&) { return read_fashion(path); };
  e.fallback = "fashion-mnist-mini";
  return e;
}

}  // namespace tern::data
