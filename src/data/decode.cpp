// The one home of stb_image. It was not written for hostile files, so it is fenced in: three formats only; allocations
// within a budget that follows from the checked image size, so that a small PNG cannot inflate without end; memory
// given out as zeros, because a JPEG may use a table that it never defined; no aborting asserts; Huffman tables and
// scans looked at first.
#include "data/decode.hpp"

#include <cstdlib>
#include <limits>
#include <memory>

#include "data/jpeg_tables.hpp"
#include "data/resample.hpp"

namespace {

thread_local std::size_t allocation_budget = std::numeric_limits<std::size_t>::max();

void* bounded_malloc(std::size_t n) { return n <= allocation_budget ? std::calloc(n, 1) : nullptr; }
void* bounded_realloc(void* p, std::size_t n) { return n <= allocation_budget ? std::realloc(p, n) : nullptr; }

}  // namespace

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_PNM
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS 16384
#define STBI_MALLOC(n) bounded_malloc(n)
#define STBI_REALLOC(p, n) bounded_realloc(p, n)
#define STBI_FREE(p) std::free(p)
#define STBI_ASSERT(x) static_cast<void>(0)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
#include <stb_image.h>
#pragma GCC diagnostic pop

namespace tern::data {
namespace {

constexpr const char* kOp = "read_image";
constexpr std::uint64_t kMaxPixels = std::uint64_t{32} << 20;
/// No format here packs more pixels than this into a byte.
constexpr std::uint64_t kMaxPixelsPerByte = 4096;

int stb_length(ByteView file, const std::string& path, std::uint64_t offset) {
  if (file.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    bad_format(kOp, path, offset, "size", "expected an image under 2 GiB");
  }
  return static_cast<int>(file.size());
}

struct StbFree {
  void operator()(stbi_uc* p) const { stbi_image_free(p); }
};

}  // namespace

ImageShape image_header(ByteView file, const std::string& path, std::uint64_t offset) {
  ImageShape shape;
  const int length = stb_length(file, path, offset);
  if (const auto flaw = jpeg_flaw(file)) bad_format(kOp, path, offset + flaw->offset, flaw->field, flaw->detail);
  allocation_budget = std::size_t{1} << 20;
  if (length == 0 || stbi_info_from_memory(file.data(), length, &shape.width, &shape.height, &shape.channels) == 0) {
    bad_format(
        kOp, path, offset, "header",
        "expected a JPEG, PNG or PNM image; got " + std::string(length == 0 ? "an empty file" : stbi_failure_reason()));
  }
  const std::uint64_t pixels = static_cast<std::uint64_t>(shape.width) * static_cast<std::uint64_t>(shape.height);
  if (shape.width < 1 || shape.height < 1 || shape.width > STBI_MAX_DIMENSIONS || shape.height > STBI_MAX_DIMENSIONS ||
      pixels > kMaxPixels) {
    bad_format(kOp, path, offset, "width, height",
               "expected at most 16384 a side and 32 Mi pixels; got " + std::to_string(shape.width) + " x " +
                   std::to_string(shape.height));
  }
  if (pixels / kMaxPixelsPerByte > file.size()) {
    bad_format(kOp, path, offset, "width, height",
               "expected a size that " + std::to_string(file.size()) + " bytes can hold; got " +
                   std::to_string(shape.width) + " x " + std::to_string(shape.height));
  }
  return shape;
}

DecodedImage decode_image(ByteView file, int channels, const std::string& path, std::uint64_t offset) {
  const ImageShape header = image_header(file, path, offset);
  DecodedImage image;
  image.shape = {channels, header.height, header.width};
  const std::size_t plane = static_cast<std::size_t>(header.height) * static_cast<std::size_t>(header.width);
  // 16 bytes a pixel cover 16-bit RGBA twice over; zlib's doubling buffer and JPEG's padding to whole blocks fit too.
  allocation_budget = (std::size_t{1} << 20) + 16 * plane;
  // Decoded with the channels of the file, because stb's own grey differs from ours in the last bit.
  int width = 0, height = 0, in_file = 0;
  const std::unique_ptr<stbi_uc, StbFree> pixels(
      stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &width, &height, &in_file, 0));
  if (!pixels) bad_format(kOp, path, offset, "image data", std::string("damaged: ") + stbi_failure_reason());
  if (width != header.width || height != header.height || in_file < 1 || in_file > 4) {
    bad_format(kOp, path, offset, "image data", "expected what the header says");
  }
  image.pixels.resize(plane * static_cast<std::size_t>(channels));
  const auto step = static_cast<std::size_t>(in_file);
  const bool colour = in_file >= 3;
  for (std::size_t i = 0; i < plane; ++i) {
    const stbi_uc* p = pixels.get() + i * step;
    if (channels == 1) {
      image.pixels[i] = colour ? grey_of(p[0], p[1], p[2]) : p[0];
      continue;
    }
    for (std::size_t c = 0; c < 3; ++c) image.pixels[c * plane + i] = colour ? p[c] : p[0];
    if (channels == 4) image.pixels[3 * plane + i] = in_file == 4 ? p[3] : in_file == 2 ? p[1] : stbi_uc{255};
  }
  return image;
}

}  // namespace tern::data
