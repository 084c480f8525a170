// CIFAR-100: 60,000 colour 32 x 32 images, official binary files; the 100 fine labels are the classes.
// Paper: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
#include "data/records.hpp"

namespace tern::data {

DatasetEntry cifar100_dataset();

namespace {

const std::vector<std::string>& fine_names() {
  static const std::vector<std::string> names{
      "apple",      "aquarium_fish", "baby",         "bear",       "beaver",      "bed",         "bee",
      "beetle",     "bicycle",       "bottle",       "bowl",       "boy",         "bridge",      "bus",
      "butterfly",  "camel",         "can",          "castle",     "caterpillar", "cattle",      "chair",
      "chimpanzee", "clock",         "cloud",        "cockroach",  "couch",       "crab",        "crocodile",
      "cup",        "dinosaur",      "dolphin",      "elephant",   "flatfish",    "forest",      "fox",
      "girl",       "hamster",       "house",        "kangaroo",   "keyboard",    "lamp",        "lawn_mower",
      "leopard",    "lion",          "lizard",       "lobster",    "man",         "maple_tree",  "motorcycle",
      "mountain",   "mouse",         "mushroom",     "oak_tree",   "orange",      "orchid",      "otter",
      "palm_tree",  "pear",          "pickup_truck", "pine_tree",  "plain",       "plate",       "poppy",
      "porcupine",  "possum",        "rabbit",       "raccoon",    "ray",         "road",        "rocket",
      "rose",       "sea",           "seal",         "shark",      "shrew",       "skunk",       "skyscraper",
      "snail",      "snake",         "spider",       "squirrel",   "streetcar",   "sunflower",   "sweet_pepper",
      "table",      "tank",          "telephone",    "television", "tiger",       "tractor",     "train",
      "trout",      "tulip",         "turtle",       "wardrobe",   "whale",       "willow_tree", "wolf",
      "woman",      "worm"};
  return names;
}

}  // namespace

DatasetEntry cifar100_dataset() {
  DatasetEntry e;
  e.summary = "CIFAR-100, 50,000 + 10,000 colour 32x32, 100 classes";
  e.how_to_get = "datasets/fetch --into DIR cifar100, then --data-dir DIR or TERN_DATA=DIR";
  e.files = "train.bin and test.bin (the binary version, not the one for Python)";
  e.places = {"cifar100", "cifar-100-binary"};
  e.present = [](const std::string& path) { return has_file(path, "train.bin"); };
  e.class_names = fine_names();
  e.load = [](const std::string& path, const LoadOptions&) {
    Dataset set;
    append_cifar(path + "/train.bin", 2, 100, set.train);
    append_cifar(path + "/test.bin", 2, 100, set.test);
    set.class_names = class_names_or(path + "/fine_label_names.txt", fine_names());
    return set;
  };
  return e;
}

}  // namespace tern::data
