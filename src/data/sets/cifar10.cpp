// CIFAR-10: 60,000 colour 32 x 32 images in 10 classes, official binary files; shorter files are taken as they are.
// Paper: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
#include "data/records.hpp"
#include "data/sets/cifar10_classes.hpp"

namespace tern::data {

DatasetEntry cifar10_dataset();

DatasetEntry cifar10_dataset() {
  DatasetEntry e;
  e.summary = "CIFAR-10, 50,000 + 10,000 colour 32x32, 10 classes (official pixels)";
  e.how_to_get = "datasets/fetch --into DIR cifar10, then --data-dir DIR or TERN_DATA=DIR";
  e.files = "data_batch_1.bin to data_batch_5.bin and test_batch.bin (the binary version, not the one for Python)";
  e.places = {"cifar10", "cifar-10-batches-bin"};
  e.present = [](const std::string& path) { return has_file(path, "data_batch_1.bin"); };
  e.class_names = cifar10_class_names();
  e.load = [](const std::string& path, const LoadOptions&) {
    Dataset set;
    set.class_names = cifar10_class_names();
    for (const char* batch : {"1", "2", "3", "4", "5"}) {
      append_cifar(path + "/data_batch_" + batch + ".bin", 1, 10, set.train);
    }
    append_cifar(path + "/test_batch.bin", 1, 10, set.test);
    set_cifar10_normalisation(set);
    return set;
  };
  return e;
}

}  // namespace tern::data
