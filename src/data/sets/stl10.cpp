// STL-10: 13,000 labelled colour 96 x 96 images in 10 classes, official binary files; the unlabelled part is not read.
// Paper: Coates, Lee, Ng, "An analysis of single-layer networks in unsupervised feature learning", 2011.
#include "data/records.hpp"

namespace tern::data {

DatasetEntry stl10_dataset();

DatasetEntry stl10_dataset() {
  DatasetEntry e;
  e.summary = "STL-10, 5,000 + 8,000 colour 96x96, 10 classes";
  e.how_to_get = "datasets/fetch --into DIR stl10, then --data-dir DIR or TERN_DATA=DIR";
  e.files = "train_X.bin, train_y.bin, test_X.bin, test_y.bin";
  e.places = {"stl10", "stl10_binary"};
  e.present = [](const std::string& path) { return has_file(path, "train_X.bin"); };
  e.class_names = {"airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"};
  e.load = [names = e.class_names](const std::string& path, const LoadOptions&) {
    Dataset set;
    set.train = read_stl(path + "/train_X.bin", path + "/train_y.bin");
    set.test = read_stl(path + "/test_X.bin", path + "/test_y.bin");
    set.class_names = class_names_or(path + "/class_names.txt", names);
    return set;
  };
  return e;
}

}  // namespace tern::data
