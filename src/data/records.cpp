// Readers of header-less records: all they can check is the size of the file and the range of the labels.
#include "data/records.hpp"

#include <filesystem>

#include "data/class_list.hpp"
#include "files/read.hpp"
#include "tern/parallel.hpp"

namespace tern::data {
namespace {

constexpr std::size_t kCifarPixels = 3 * 32 * 32;
constexpr std::size_t kStlSide = 96;

}  // namespace

void append_cifar(const std::string& path, int label_bytes, int classes, Images& images) {
  constexpr const char* kOp = "read_cifar";
  const Bytes file = read_regular_file<std::uint8_t>(path);
  const std::size_t labels = static_cast<std::size_t>(label_bytes), record = labels + kCifarPixels;
  if (file.empty() || file.size() % record != 0) {
    bad_format(kOp, path, file.size() / record * record, "record",
               "expected a whole number of records of " + std::to_string(record) + " bytes; got " +
                   std::to_string(file.size()) + " bytes (truncated?)");
  }
  const std::size_t n = file.size() / record;
  images.channels = 3;
  images.height = images.width = 32;
  images.labels.reserve(images.labels.size() + n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint8_t label = file[i * record + labels - 1];
    if (label >= classes) {
      bad_format(kOp, path, i * record + labels - 1, "label",
                 "expected below " + std::to_string(classes) + "; got " + std::to_string(label));
    }
    images.labels.push_back(label);
    const auto pixels = file.begin() + static_cast<std::ptrdiff_t>(i * record + labels);
    images.pixels.insert(images.pixels.end(), pixels, pixels + static_cast<std::ptrdiff_t>(kCifarPixels));
  }
}

Images read_stl(const std::string& image_path, const std::string& label_path) {
  constexpr const char* kOp = "read_stl";
  constexpr std::size_t kPlane = kStlSide * kStlSide, kPixels = 3 * kPlane;
  const Bytes labels = read_regular_file<std::uint8_t>(label_path);
  Images images{
      3, static_cast<int>(kStlSide), static_cast<int>(kStlSide), read_regular_file<std::uint8_t>(image_path), {}};
  if (images.pixels.empty() || images.pixels.size() % kPixels != 0) {
    bad_format(kOp, image_path, images.pixels.size() / kPixels * kPixels, "record",
               "expected a whole number of images of 27648 bytes; got " + std::to_string(images.pixels.size()) +
                   " bytes (truncated?)");
  }
  if (labels.size() != images.pixels.size() / kPixels) {
    bad_format(kOp, label_path, labels.size(), "count",
               "expected " + std::to_string(images.pixels.size() / kPixels) + " labels, one an image; got " +
                   std::to_string(labels.size()));
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 1 || labels[i] > 10) {
      bad_format(kOp, label_path, i, "label", "expected 1 to 10; got " + std::to_string(labels[i]));
    }
    images.labels.push_back(labels[i] - 1);
  }
  // Column by column to row by row: each channel is a square, transposed in place.
  parallel_for(static_cast<std::int64_t>(labels.size() * 3), [&](std::int64_t channel) {
    std::uint8_t* const p = images.pixels.data() + static_cast<std::size_t>(channel) * kPlane;
    for (std::size_t y = 0; y < kStlSide; ++y) {
      for (std::size_t x = y + 1; x < kStlSide; ++x) std::swap(p[y * kStlSide + x], p[x * kStlSide + y]);
    }
  });
  return images;
}

std::vector<std::string> class_names_or(const std::string& path, std::vector<std::string> fallback) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return fallback;
  std::vector<std::string> names = text_lines(read_regular_file<std::uint8_t>(path), path);
  return names.size() == fallback.size() ? names : fallback;
}

bool has_file(const std::string& folder, const char* file) {
  std::error_code ignored;
  return std::filesystem::exists(folder + "/" + file, ignored);
}

}  // namespace tern::data
