// MNIST: 70,000 grey 28 x 28 handwritten digits. Paper: LeCun, Bottou, Bengio, Haffner, 1998.
#include "data/idx.hpp"

namespace tern::data {

DatasetEntry mnist_dataset();

DatasetEntry mnist_dataset() {
  DatasetEntry e;
  e.summary = "MNIST, 60,000 + 10,000 grey 28x28, handwritten digits";
  e.how_to_get = "datasets/fetch --into DIR mnist, then --data-dir DIR or TERN_DATA=DIR";
  e.files = kIdxFiles;
  e.places = {"mnist", "MNIST"};
  e.present = is_idx_folder;
  e.class_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  e.load = [names = e.class_names](const std::string& path, const LoadOptions&) {
    Dataset set = read_idx_folder(path, names);
    set.mean = {0.1307f};
    set.std = {0.3081f};
    return set;
  };
  return e;
}

}  // namespace tern::data
