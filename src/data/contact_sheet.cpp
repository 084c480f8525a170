// A grid of images as PNG: the one home of stb_image_write.
#include <algorithm>
#include <climits>

#include "data/bytes.hpp"
#include "tern/data.hpp"
#include "tern/error.hpp"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb_image_write.h>
#pragma GCC diagnostic pop

namespace tern {

void contact_sheet(const Images& images, int rows, int cols, const std::string& path) {
  constexpr std::int64_t kGap = 2, kMaxSide = 16384;
  if (rows < 1 || cols < 1 || images.height < 1 || images.width < 1) {
    throw ValueError("[contact_sheet] expected rows and cols >= 1 of non-empty images; got " + std::to_string(rows) +
                     " x " + std::to_string(cols));
  }
  const std::int64_t height = rows * (images.height + kGap) - kGap, width = cols * (images.width + kGap) - kGap;
  if (height > kMaxSide || width > kMaxSide) {
    throw ValueError("[contact_sheet] expected a sheet of at most 16384 pixels a side; got " + std::to_string(width) +
                     " x " + std::to_string(height));
  }
  const std::size_t colours = images.channels == 1 ? 1 : 3;
  const std::size_t plane = static_cast<std::size_t>(images.height) * static_cast<std::size_t>(images.width);
  data::Bytes sheet(static_cast<std::size_t>(height * width) * colours, std::uint8_t{255});
  const std::int64_t count = std::min<std::int64_t>(images.count(), static_cast<std::int64_t>(rows) * cols);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto image = images.image(i);
    const std::int64_t top = i / cols * (images.height + kGap), left = i % cols * (images.width + kGap);
    for (int y = 0; y < images.height; ++y) {
      for (int x = 0; x < images.width; ++x) {
        const auto to = static_cast<std::size_t>((top + y) * width + left + x) * colours;
        const auto from = static_cast<std::size_t>(y * images.width + x);
        for (std::size_t c = 0; c < colours; ++c) sheet[to + c] = image[c * plane + from];
      }
    }
  }
  data::Bytes png;
  const auto append = [](void* context, void* bytes, int n) {
    auto& to = *static_cast<data::Bytes*>(context);
    to.insert(to.end(), static_cast<std::uint8_t*>(bytes), static_cast<std::uint8_t*>(bytes) + n);
  };
  const int stride = static_cast<int>(width) * static_cast<int>(colours);
  if (stbi_write_png_to_func(append, &png, static_cast<int>(width), static_cast<int>(height), static_cast<int>(colours),
                             sheet.data(), stride) == 0) {
    throw IoError("[contact_sheet] " + path + ": out of memory while compressing");
  }
  data::write_file_atomic(path, png);
}

}  // namespace tern
