// The first 800 training and 200 test images of each class of Fashion-MNIST, in official order: small enough to travel
// with tern, so that everything runs without a download.
#include "data/idx.hpp"
#include "data/sets/fashion_classes.hpp"

namespace tern::data {

DatasetEntry fashion_mnist_mini_dataset();

DatasetEntry fashion_mnist_mini_dataset() {
  DatasetEntry e;
  e.summary = "a balanced part of Fashion-MNIST, 8,000 + 2,000, that comes with tern";
  e.how_to_get = "it comes with tern in datasets/fashion-mnist-mini; take a complete checkout or installation";
  e.files = kIdxFiles;
  e.places = {"fashion-mnist-mini"};
  e.class_names = fashion_class_names();
  e.present = is_idx_folder;
  e.load = [](const std::string& path, const LoadOptions&) { return read_fashion(path); };
  return e;
}

}  // namespace tern::data
