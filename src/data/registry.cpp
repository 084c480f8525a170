// The list of data sets: datasets.def first, then what programs register.
#include "data/registry.hpp"

#include <algorithm>
#include <mutex>

#include "tern/error.hpp"

namespace tern {
namespace data {

#define TERN_DATASET(name) DatasetEntry name##_dataset();
#include "data/datasets.def"
#undef TERN_DATASET

namespace {

struct Registry {
  std::mutex mutex;
  std::vector<DatasetEntry> entries;
};

Registry& registry() {
  static Registry r;
  static std::once_flag once;
  std::call_once(once, [] {
    const auto add = [](std::string_view name, DatasetEntry entry) {
      entry.name = name;
      std::replace(entry.name.begin(), entry.name.end(), '_', '-');
      r.entries.push_back(std::move(entry));
    };
#define TERN_DATASET(name) add(#name, name##_dataset());
#include "data/datasets.def"
#undef TERN_DATASET
  });
  return r;
}

}  // namespace

DatasetEntry dataset_entry(std::string_view name) {
  std::string key(name);
  std::replace(key.begin(), key.end(), '_', '-');
  std::string known;
  for (const DatasetEntry& e : datasets()) {
    if (e.name == key) return e;
    known += (known.empty() ? "" : ", ") + e.name;
  }
  throw ValueError("[load_dataset] expected one of " + known + ", or <one of them>:<path>; got \"" + std::string(name) +
                   "\"");
}

}  // namespace data

void register_dataset(DatasetEntry entry) {
  const auto legal = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (entry.name.empty() || !std::all_of(entry.name.begin(), entry.name.end(), legal)) {
    throw ValueError("[register_dataset] expected a name of a-z, 0-9 and '-'; got \"" + entry.name + "\"");
  }
  if (!entry.load) throw ValueError("[register_dataset] " + entry.name + ": expected a load function; got none");
  data::Registry& r = data::registry();
  const std::lock_guard lock(r.mutex);
  for (const DatasetEntry& e : r.entries) {
    if (e.name == entry.name) throw ValueError("[register_dataset] expected a new name; got \"" + entry.name + "\"");
  }
  r.entries.push_back(std::move(entry));
}

std::vector<DatasetEntry> datasets() {
  data::Registry& r = data::registry();
  const std::lock_guard lock(r.mutex);
  return r.entries;
}

}  // namespace tern
