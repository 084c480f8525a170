// Image files to pixels, and the one home of stb_image, which reads JPEG, PNG, BMP and the first picture of a GIF (PNM
// has a reader of its own). It was not written for hostile files, so it is fenced in: these formats only; allocations
// within a budget that follows from the checked image size, so that a small PNG cannot inflate without end; memory
// given out as zeros, because a JPEG may use a table that it never defined; no aborting asserts; Huffman tables and
// scans looked at first.
#include "data/decode.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>

#include "data/cut_short.hpp"
#include "data/exif.hpp"
#include "data/jpeg_tables.hpp"
#include "data/pnm.hpp"
#include "data/resample.hpp"

namespace {

thread_local std::size_t allocation_budget = std::numeric_limits<std::size_t>::max();

void* bounded_malloc(std::size_t n) { return n <= allocation_budget ? std::calloc(n, 1) : nullptr; }
void* bounded_realloc(void* p, std::size_t n) { return n <= allocation_budget ? std::realloc(p, n) : nullptr; }
/// stb_image copies the nothing of an empty IDAT chunk to nowhere, which memcpy() must not be asked.
void* copy(void* to, const void* from, std::size_t n) { return n == 0 ? to : std::memcpy(to, from, n); }

}  // namespace

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
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
#define memcpy copy
#include <stb_image.h>
#undef memcpy
#pragma GCC diagnostic pop

namespace tern::data {
namespace {

constexpr const char* kImageReader = "read_image";
constexpr int kMaxImageSide = 16384;
/// A camera of 200 megapixels.
constexpr std::uint64_t kMaxPixels = std::uint64_t{256} << 20;
/// What is larger takes its turn, so that memory does not grow with the number of threads ...
constexpr std::uint64_t kLargePixels = std::uint64_t{32} << 20;
/// ... and must look like a photo: no format here packs more pixels than this into a byte, and no photo comes near.
constexpr std::uint64_t kMaxPixelsPerByte = 4096, kMaxLargePixelsPerByte = 256;

std::uint64_t pixels_of(ImageShape s) {
  return static_cast<std::uint64_t>(s.width) * static_cast<std::uint64_t>(s.height);
}

/// What a file is that no reader here takes; "" if that is not known.
std::string_view foreign_format(ByteView file) {
  struct Magic {
    std::size_t at;
    std::string_view bytes, name;
  };
  constexpr std::array kKnown{Magic{8, "WEBP", "WebP"},
                              Magic{0, std::string_view("II*\0", 4), "TIFF"},
                              Magic{0, std::string_view("MM\0*", 4), "TIFF"},
                              Magic{4, "ftypavif", "AVIF"},
                              Magic{4, "ftyphei", "HEIC"},
                              Magic{4, "ftypmif1", "HEIC"},
                              Magic{0, "8BPS", "Photoshop"},
                              Magic{0, "%PDF", "PDF"}};
  for (const Magic& m : kKnown) {
    if (file.size() >= m.at + m.bytes.size() &&
        std::equal(m.bytes.begin(), m.bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(m.at))) {
      return m.name;
    }
  }
  return {};
}

[[noreturn]] void refuse_header(ByteView file, const std::string& path, std::uint64_t offset) {
  const std::string_view foreign = foreign_format(file);
  const std::string got = file.empty()      ? "an empty file"
                          : foreign.empty() ? std::string("another kind of file")
                                            : std::string(foreign) + ", which other programs convert";
  bad_format(kImageReader, path, offset, "header", "expected a JPEG, PNG, BMP, GIF or PNM image; got " + got);
}

/// Height and width as they are stored, and channels. Errors: FormatError.
ImageShape stored_shape(ByteView file, const std::string& path, std::uint64_t offset) {
  if (file.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    bad_format(kImageReader, path, offset, "size", "expected an image under 2 GiB");
  }
  if (is_pnm(file)) return pnm_header(file, path, offset);
  if (const auto flaw = jpeg_flaw(file))
    bad_format(kImageReader, path, offset + flaw->offset, flaw->field, flaw->detail);
  if (is_cut_short(file))
    bad_format(kImageReader, path, offset + file.size(), "end", "expected more: the file is cut short");
  allocation_budget = std::size_t{1} << 20;
  ImageShape shape;
  if (file.empty() ||
      stbi_info_from_memory(file.data(), static_cast<int>(file.size()), &shape.width, &shape.height, &shape.channels) ==
          0 ||
      shape.width < 1 || shape.height < 1) {
    refuse_header(file, path, offset);
  }
  return shape;
}

void check_size(ImageShape shape, ByteView file, const std::string& path, std::uint64_t offset) {
  const auto refuse = [&](const std::string& expected) {
    bad_format(kImageReader, path, offset, "width, height",
               "expected " + expected + "; got " + std::to_string(shape.width) + " x " + std::to_string(shape.height));
  };
  const std::uint64_t pixels = pixels_of(shape);
  if (shape.width > kMaxImageSide || shape.height > kMaxImageSide || pixels > kMaxPixels) {
    refuse("at most 16384 a side and 256 Mi pixels");
  }
  if (pixels / (pixels > kLargePixels ? kMaxLargePixelsPerByte : kMaxPixelsPerByte) > file.size()) {
    refuse("a size that " + std::to_string(file.size()) + " bytes can hold");
  }
}

/// Rows of interleaved samples, as stored.
struct Samples {
  int channels = 0;
  Bytes own;
  std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> stb{nullptr, &stbi_image_free};
  const std::uint8_t* data() const { return stb ? stb.get() : own.data(); }
};

Samples read_samples(ByteView file, ImageShape stored, const std::string& path, std::uint64_t offset) {
  Samples out;
  out.channels = stored.channels;
  if (is_pnm(file)) {
    out.own = decode_pnm(file, path, offset);
    return out;
  }
  // 16 bytes a pixel cover 16-bit RGBA twice over; zlib's doubling buffer and JPEG's padding to whole blocks fit too.
  allocation_budget = (std::size_t{1} << 20) + 16 * static_cast<std::size_t>(pixels_of(stored));
  // Decoded with the channels of the file, because stb's own grey differs from ours in the last bit.
  int width = 0, height = 0;
  out.stb.reset(stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &width, &height, &out.channels, 0));
  if (!out.stb) bad_format(kImageReader, path, offset, "image data", std::string("damaged: ") + stbi_failure_reason());
  if (width != stored.width || height != stored.height || out.channels < 1 || out.channels > 4) {
    bad_format(kImageReader, path, offset, "image data", "expected what the header says");
  }
  return out;
}

ImageShape upright_shape(ImageShape stored, int orientation) {
  if (lies_on_its_side(orientation)) std::swap(stored.height, stored.width);
  return stored;
}

/// Planes of `to.channels` channels, upright.
Bytes to_planes(const Samples& samples, ImageShape stored, int orientation, ImageShape to) {
  const std::size_t plane = static_cast<std::size_t>(pixels_of(to));
  Bytes out(plane * static_cast<std::size_t>(to.channels));
  const UprightWalk walk = upright_walk(orientation, stored.height, stored.width);
  const int n = samples.channels;
  const bool colour = n >= 3;
  std::size_t i = 0;
  for (std::ptrdiff_t y = 0; y < to.height; ++y) {
    std::ptrdiff_t at = walk.first + y * walk.down;
    for (int x = 0; x < to.width; ++x, ++i, at += walk.right) {
      const std::uint8_t* const p = samples.data() + at * n;
      if (to.channels == 1) {
        out[i] = colour ? grey_of(p[0], p[1], p[2]) : p[0];
        continue;
      }
      for (std::size_t c = 0; c < 3; ++c) out[c * plane + i] = colour ? p[c] : p[0];
      if (to.channels == 4) out[3 * plane + i] = n == 4 ? p[3] : n == 2 ? p[1] : std::uint8_t{255};
    }
  }
  return out;
}

}  // namespace

ImageShape image_header(ByteView file, const std::string& path, std::uint64_t offset) {
  const ImageShape stored = stored_shape(file, path, offset);
  check_size(stored, file, path, offset);
  return upright_shape(stored, exif_orientation(file));
}

DecodedImage decode_image(ByteView file, int channels, const std::string& path, std::uint64_t offset) {
  static std::mutex large;
  const ImageShape stored = stored_shape(file, path, offset);
  check_size(stored, file, path, offset);
  std::unique_lock turn(large, std::defer_lock);
  if (pixels_of(stored) > kLargePixels) turn.lock();
  const int orientation = exif_orientation(file);
  const Samples samples = read_samples(file, stored, path, offset);
  ImageShape to = upright_shape(stored, orientation);
  to.channels = channels;
  return {to, to_planes(samples, stored, orientation, to)};
}

}  // namespace tern::data
