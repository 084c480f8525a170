// IDX reader. The header is read first and believed only after its product has been checked against the file.
#include "data/idx.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "data/images.hpp"
#include "files/gzip.hpp"
#include "files/read.hpp"

namespace tern::data {
namespace {

constexpr const char* kIdxReader = "read_idx";

/// The first that is there of the names that the file may have; if none is, the official one.
std::string idx_path(const std::string& folder, const std::string& stem) {
  std::string dotted = stem;
  dotted[stem.rfind("-idx")] = '.';
  for (const std::string& place : {folder, folder + "/raw"}) {
    for (const std::string& name : {stem, dotted}) {
      for (const char* ending : {".gz", ""}) {
        std::error_code ignored;
        std::string path = place + "/" + name + ending;
        if (std::filesystem::exists(path, ignored)) return path;
      }
    }
  }
  return folder + "/" + stem;
}

}  // namespace

Idx read_idx(const std::string& path, int rank) {
  Bytes file = read_regular_file<std::uint8_t>(path);
  const bool packed = is_gzip(file);
  const std::size_t header_bytes = 4 + 4 * static_cast<std::size_t>(rank);
  const Bytes header = packed ? gunzip_prefix(file, header_bytes, path) : Bytes();
  ByteReader reader(
      kIdxReader, path,
      std::as_bytes(packed ? ByteView(header) : ByteView(file).first(std::min(file.size(), header_bytes))));

  const std::uint32_t want = 0x800u + static_cast<std::uint32_t>(rank);
  const std::uint32_t magic = reader.u32_big_endian("magic");
  if (magic != want) {
    bad_format(kIdxReader, path, 0, "magic",
               "expected " + std::to_string(want) + " (unsigned bytes, rank " + std::to_string(rank) + "); got " +
                   std::to_string(magic));
  }
  Idx idx;
  std::uint64_t product = 1;
  for (int i = 0; i < rank; ++i) {
    const std::uint64_t at = reader.position();
    const std::uint32_t extent = reader.u32_big_endian("extent");
    if (extent != 0 && product > kMaxPixelBytes / extent) {
      bad_format(kIdxReader, path, at, "extent",
                 "expected at most " + std::to_string(kMaxPixelBytes) + " bytes in all; got a product over it");
    }
    product *= extent;
    idx.extents.push_back(extent);
  }
  const std::size_t total = header_bytes + static_cast<std::size_t>(product);
  if (packed) {
    idx.bytes = gunzip_exact(file, total, path, header_bytes);
    return idx;
  }
  if (file.size() != total) {
    bad_format(kIdxReader, path, std::min(file.size(), total), "data",
               "expected " + std::to_string(total) + " bytes in all; got " + std::to_string(file.size()));
  }
  file.erase(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(header_bytes));
  idx.bytes = std::move(file);
  return idx;
}

Images read_idx_images(const std::string& folder, const std::string& stem, int classes) {
  const std::string image_path = idx_path(folder, stem + "-images-idx3-ubyte");
  const std::string label_path = idx_path(folder, stem + "-labels-idx1-ubyte");
  Idx pixels = read_idx(image_path, 3);
  const Idx labels = read_idx(label_path, 1);
  if (pixels.extents[0] != labels.extents[0]) {
    bad_format(kIdxReader, label_path, 4, "count",
               "expected " + std::to_string(pixels.extents[0]) + ", as many as in " + image_path + "; got " +
                   std::to_string(labels.extents[0]));
  }
  constexpr std::uint32_t kMaxSide = 1u << 14;
  for (const int i : {1, 2}) {
    const std::uint32_t side = pixels.extents[static_cast<std::size_t>(i)];
    if (side == 0 || side > kMaxSide) {
      bad_format(kIdxReader, image_path, 4 + 4 * static_cast<std::uint64_t>(i), i == 1 ? "height" : "width",
                 "expected 1 to " + std::to_string(kMaxSide) + "; got " + std::to_string(side));
    }
  }
  Images images;
  images.channels = 1;
  images.height = static_cast<int>(pixels.extents[1]);
  images.width = static_cast<int>(pixels.extents[2]);
  images.pixels = std::move(pixels.bytes);
  images.labels.reserve(labels.bytes.size());
  for (std::size_t i = 0; i < labels.bytes.size(); ++i) {
    if (labels.bytes[i] >= classes) {
      bad_format(kIdxReader, label_path, 8 + i, "label",
                 "expected below " + std::to_string(classes) + "; got " + std::to_string(labels.bytes[i]));
    }
    images.labels.push_back(labels.bytes[i]);
  }
  return images;
}

Dataset read_idx_folder(const std::string& folder, std::vector<std::string> class_names) {
  Dataset set;
  const int classes = static_cast<int>(class_names.size());
  set.class_names = std::move(class_names);
  set.train = read_idx_images(folder, "train", classes);
  set.test = read_idx_images(folder, "t10k", classes);
  if (set.train.shape() != set.test.shape()) {
    bad_format(kIdxReader, idx_path(folder, "t10k-images-idx3-ubyte"), 8, "height, width",
               "expected those of the training images");
  }
  return set;
}

bool is_idx_folder(const std::string& folder) {
  std::error_code ignored;
  return std::filesystem::exists(idx_path(folder, "train-images-idx3-ubyte"), ignored);
}

}  // namespace tern::data
