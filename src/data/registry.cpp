// The list of data sets: the rows of datasets.def first, then what programs register.
#include "data/registry.hpp"

namespace tern {

namespace data {
#define TERN_DATASET(name) DatasetEntry name##_dataset();
#include "data/datasets.def"
#undef TERN_DATASET
}  // namespace data

namespace {

DatasetEntry named(std::string name, DatasetEntry entry) {
  entry.name = std::move(name);
  return entry;
}

}  // namespace

DatasetRegistry& dataset_registry() {
  static DatasetRegistry r{
      {.what = "data set",
       .adder = "register_dataset",
       .finder = "load_dataset",
       .needs = "a load function",
       .also = ", or <one of them>:<path>",
       .separator = '-'},
      {
#define TERN_DATASET(name) named(#name, data::name##_dataset()),
#include "data/datasets.def"
#undef TERN_DATASET
      },
  };
  return r;
}

void register_dataset(DatasetEntry entry) { dataset_registry().add(std::move(entry)); }
std::vector<DatasetEntry> datasets() { return dataset_registry().list(); }

}  // namespace tern
