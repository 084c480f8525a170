// load_dataset: find the files, let the set's reader read them, and bring the result to what the options ask for.
#include <algorithm>
#include <filesystem>

#include "data/images.hpp"
#include "data/registry.hpp"
#include "data/search.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

void check_options(const LoadOptions& o) {
  if (o.channels != 0 && o.channels != 1 && o.channels != 3 && o.channels != 4) {
    throw ValueError("[load_dataset] expected channels 0, 1, 3 or 4; got " + std::to_string(o.channels));
  }
  if (o.size < 0 || o.size > 4096) {
    throw ValueError("[load_dataset] expected size 0 to 4096; got " + std::to_string(o.size));
  }
  if (o.limit_train < 0 || o.limit_test < 0) {
    throw ValueError("[load_dataset] expected limits >= 0; got " +
                     std::to_string(std::min(o.limit_train, o.limit_test)));
  }
}

Images finished(Images images, const LoadOptions& o, std::int64_t limit, std::size_t classes) {
  data::check_images("load_dataset", images, static_cast<std::int64_t>(classes));
  if (images.count() == 0) return images;
  if (limit > 0 && limit < images.count()) {
    images = select_images(images, data::first_of_each_class(images.labels, limit));
  }
  ImageShape to = images.shape();
  if (o.channels != 0) to.channels = o.channels;
  if (o.size != 0) to.height = to.width = o.size;
  return to == images.shape() ? std::move(images) : convert_images(images, to);
}

Dataset read(const DatasetEntry& entry, const std::string& path, const LoadOptions& o) {
  Dataset set = entry.load(path, o);
  if (set.name.empty()) set.name = entry.name;
  if (set.source.empty()) set.source = path;
  const ImageShape native = set.train.shape();
  set.train = finished(std::move(set.train), o, o.limit_train, set.class_names.size());
  set.test = finished(std::move(set.test), o, o.limit_test, set.class_names.size());
  if (set.train.shape() != set.test.shape() && set.test.count() > 0) {
    throw FormatError("[load_dataset] " + path + ": expected train and test images of one shape; got others");
  }
  // Published constants belong to the published pixels; copying grey to three channels copies its constants.
  const bool same_size = native.height == set.train.height && native.width == set.train.width;
  if (same_size && set.mean.size() == 1 && set.train.channels == 3) {
    set.mean.resize(3, set.mean[0]);
    set.std.resize(3, set.std[0]);
  }
  if (!same_size || set.mean.size() != static_cast<std::size_t>(set.train.channels)) {
    const ImagesSummary s = summarize(set.train, 0);
    set.mean.assign(s.mean.begin(), s.mean.end());
    set.std.clear();
    // An all-equal channel has no spread; 1 leaves it merely centred.
    for (const double v : s.std) set.std.push_back(v > 1e-6 ? static_cast<float>(v) : 1.0f);
  }
  return set;
}

[[noreturn]] void missing(const DatasetEntry& entry, const std::vector<std::string>& looked) {
  std::string places;
  for (const std::string& p : looked) places += (places.empty() ? "" : ", ") + p;
  throw IoError("[load_dataset] " + entry.name + " is not here; to get it: " + entry.how_to_get +
                (places.empty() ? "" : " (looked for " + places + ")"));
}

}  // namespace

Dataset load_dataset(std::string_view name, const LoadOptions& options) {
  check_options(options);
  if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
    const DatasetEntry entry = data::dataset_entry(name.substr(0, colon));
    const std::string path(name.substr(colon + 1));
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored) || (entry.present && !entry.present(path))) missing(entry, {path});
    return read(entry, path, options);
  }
  DatasetEntry entry = data::dataset_entry(name);
  data::Found found = data::search_dataset(entry, options);
  if (!found.path.empty()) return read(entry, found.path, options);
  if (!entry.fallback.empty()) {
    const DatasetEntry instead = data::dataset_entry(entry.fallback);
    if (const data::Found other = data::search_dataset(instead, options); !other.path.empty()) {
      Dataset set = read(instead, other.path, options);
      set.source += " (" + set.name + ", because " + entry.name + " is not here; to get it: " + entry.how_to_get + ")";
      return set;
    }
  }
  missing(entry, found.looked);
}

}  // namespace tern
