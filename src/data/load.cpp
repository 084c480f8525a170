// load_dataset: find the files, let the set's reader read them, and bring the result to what the options ask for.
#include <algorithm>
#include <filesystem>

#include "core/names.hpp"
#include "core/printable.hpp"
#include "data/dataset_spec.hpp"
#include "data/fingerprint.hpp"
#include "data/images.hpp"
#include "data/registry.hpp"
#include "data/search.hpp"
#include "tern/error.hpp"

namespace tern {
namespace {

void check_options(const LoadOptions& o) {
  const auto [channels, height, width] = o.shape;
  if (channels != 0 && channels != 1 && channels != 3 && channels != 4) {
    throw ValueError("[load_dataset] expected channels 0, 1, 3 or 4; got " + std::to_string(channels));
  }
  if (height < 0 || height > 4096 || width < 0 || width > 4096 || (height == 0) != (width == 0)) {
    throw ValueError("[load_dataset] expected a height and width of 1 to 4096, or 0 for both; got " +
                     std::to_string(height) + " and " + std::to_string(width));
  }
  if (!(o.split.share >= 0 && o.split.share <= 1)) {
    throw ValueError("[load_dataset] expected a split in [0, 1]; got " + std::to_string(o.split.share));
  }
  if (o.limit_train < 0 || o.limit_test < 0) {
    throw ValueError("[load_dataset] expected limits >= 0; got " +
                     std::to_string(std::min(o.limit_train, o.limit_test)));
  }
}

/// Of all images, or of some thousands of those that have to be decoded for it.
ImagesSummary measure(const Images& images) {
  constexpr std::int64_t kEnough = 4096;
  if (!images.source || images.count() <= kEnough) return summarize(images, 0);
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < kEnough; ++i) indices.push_back(i * images.count() / kEnough);
  return summarize(select_images(images, indices), 0);
}

Images finished(Images images, const LoadOptions& o, std::int64_t limit, std::size_t classes) {
  data::check_images("load_dataset", images, static_cast<std::int64_t>(classes));
  if (images.count() == 0) return images;
  if (limit > 0 && limit < images.count()) {
    images = select_images(images, data::first_of_each_class(images.labels, limit));
  }
  const ImageShape to = data::asked_shape(images.shape(), o.shape);
  return to == images.shape() ? std::move(images) : convert_images(images, to);
}

/// What the entry's files are called, if it says so.
std::string needed(const DatasetEntry& entry) { return entry.files.empty() ? "" : "; its files: " + entry.files; }

Dataset read(const DatasetEntry& entry, const std::string& path, const LoadOptions& o) {
  Dataset set = entry.load(path, o);
  if (set.name.empty()) set.name = entry.name;
  if (set.source.empty()) set.source = path;
  const bool has_train = set.train.count() > 0;
  const ImageShape native = (has_train ? set.train : set.test).shape();
  set.train = finished(std::move(set.train), o, o.limit_train, set.class_names.size());
  set.test = finished(std::move(set.test), o, o.limit_test, set.class_names.size());
  if (set.train.shape() != set.test.shape() && has_train && set.test.count() > 0) {
    throw FormatError("[load_dataset] " + path + ": expected train and test images of one shape; got others");
  }
  const Images& measured = has_train ? set.train : set.test;
  // Published constants belong to the published pixels; copying grey to three channels copies its constants.
  const bool same_size = native.height == measured.height && native.width == measured.width;
  if (same_size && set.mean.size() == 1 && measured.channels == 3) {
    set.mean.resize(3, set.mean[0]);
    set.std.resize(3, set.std[0]);
  }
  if (!same_size || set.mean.size() != static_cast<std::size_t>(measured.channels)) {
    const ImagesSummary s = measure(measured);
    set.mean.assign(s.mean.begin(), s.mean.end());
    set.std.clear();
    // An all-equal channel has no spread; 1 leaves it merely centred.
    for (const double v : s.std) set.std.push_back(v > 1e-6 ? static_cast<float>(v) : 1.0f);
  }
  set.fingerprint = data::fingerprint(set);
  return set;
}

[[noreturn]] void missing(const DatasetEntry& entry, const std::vector<std::string>& looked) {
  throw IoError("[load_dataset] " + entry.name + " is not here; to get it: " + entry.how_to_get + needed(entry) +
                (looked.empty() ? "" : " (looked for " + join(looked) + ")"));
}

/// `path` is where the set was said to be.
Dataset read_from(const DatasetEntry& entry, const std::string& path, const LoadOptions& o) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    throw IoError("[load_dataset] there is no \"" + printable(path, kMaxPathShown) + "\"" +
                  (path.starts_with('/') ? "" : " in " + std::filesystem::current_path(ignored).string()));
  }
  if (entry.present && !entry.present(path)) {
    throw IoError("[load_dataset] expected \"" + printable(path, kMaxPathShown) + "\" to be " + entry.name +
                  needed(entry));
  }
  return read(entry, path, o);
}

Dataset read_found(const DatasetEntry& entry, const LoadOptions& o) {
  const data::Found found = data::search_dataset(entry, o);
  if (!found.path.empty()) return read(entry, found.path, o);
  if (entry.fallback.empty()) missing(entry, found.looked);
  const DatasetEntry instead = dataset_registry().find(entry.fallback);
  const data::Found other = data::search_dataset(instead, o);
  if (other.path.empty()) missing(entry, found.looked);
  Dataset set = read(instead, other.path, o);
  set.source += " (" + set.name + ", because " + entry.name + " is not here; to get it: " + entry.how_to_get + ")";
  return set;
}

}  // namespace

Dataset load_dataset(std::string_view name, const LoadOptions& options) {
  const data::DatasetSpec spec = data::parse_spec(name, options);
  check_options(spec.options);
  const DatasetEntry entry = dataset_registry().find(spec.name);
  if (!spec.asks_tree.empty() && !entry.tree) {
    throw ValueError("[load_dataset] the option \"" + spec.asks_tree + "\" has no effect on " + entry.name +
                     ", whose images are not files one by one; leave it out");
  }
  Dataset set = spec.has_path ? read_from(entry, spec.path, spec.options) : read_found(entry, spec.options);
  if (!spec.asks_split.empty() && !set.split && spec.options.split.share > 0) {
    throw ValueError("[load_dataset] the option \"" + spec.asks_split + "\" has no effect: " + set.name +
                     " has test images; leave it out");
  }
  return set;
}

}  // namespace tern
