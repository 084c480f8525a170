// A grid of images and the names of their classes as PNG: the one home of stb_image_write.
#include <algorithm>
#include <numeric>

#include "data/pixel_font.hpp"
#include "data/streams.hpp"
#include "files/bytes.hpp"
#include "files/write.hpp"
#include "tern/data.hpp"
#include "tern/error.hpp"
#include "tern/rng.hpp"

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
namespace {

constexpr int kGap = 2;
constexpr std::int64_t kMaxSheetSide = 16384;

/// A white canvas of grey or RGB pixels.
struct Canvas {
  std::int64_t height, width;
  std::size_t colours;
  Bytes pixels;

  Canvas(std::int64_t h, std::int64_t w, std::size_t c)
      : height(h), width(w), colours(c), pixels(static_cast<std::size_t>(h * w) * c, std::uint8_t{255}) {}
  std::uint8_t* at(std::int64_t y, std::int64_t x) {
    return pixels.data() + static_cast<std::size_t>(y * width + x) * colours;
  }
};

/// What each image of a sheet takes.
struct Cell {
  int scale = 1;  ///< pixels of the sheet a pixel of the image
  int height = 0, width = 0;
  bool labelled = false;
};

/// Small images are enlarged until a name fits below, as far as the sheet's side allows.
Cell cell_of(ImageShape image, const SheetOptions& o, bool labelled) {
  constexpr int kLetters = 8;
  const auto fits = [&](int scale) {
    return o.cols * std::int64_t{image.width} * scale <= kMaxSheetSide / 2 &&
           o.rows * std::int64_t{image.height} * scale <= kMaxSheetSide / 2;
  };
  Cell cell{1, 0, 0, labelled};
  while (labelled && cell.scale * image.width < kLetters * data::kGlyphStep && fits(cell.scale + 1)) ++cell.scale;
  cell.width = cell.scale * image.width;
  cell.height = cell.scale * image.height + (labelled ? kGap + data::kGlyphHeight : 0);
  return cell;
}

void draw_image(Canvas& canvas, std::span<const std::uint8_t> image, ImageShape shape, int scale, std::int64_t top,
                std::int64_t left) {
  const std::size_t plane = static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width);
  for (int y = 0; y < shape.height * scale; ++y) {
    for (int x = 0; x < shape.width * scale; ++x) {
      const auto from = static_cast<std::size_t>(y / scale * shape.width + x / scale);
      for (std::size_t c = 0; c < canvas.colours; ++c) canvas.at(top + y, left + x)[c] = image[c * plane + from];
    }
  }
}

/// As many letters as `width` pixels hold.
void draw_text(Canvas& canvas, std::string_view text, std::int64_t top, std::int64_t left, int width) {
  for (std::size_t i = 0; i < std::min(text.size(), static_cast<std::size_t>((width + 1) / data::kGlyphStep)); ++i) {
    const auto& glyph = data::glyph_of(text[i]);
    for (int y = 0; y < data::kGlyphHeight; ++y) {
      for (int x = 0; x < data::kGlyphWidth; ++x) {
        if ((glyph[static_cast<std::size_t>(y)] >> (data::kGlyphWidth - 1 - x) & 1) == 0) continue;
        std::uint8_t* const p = canvas.at(top + y, left + static_cast<std::int64_t>(i) * data::kGlyphStep + x);
        std::fill(p, p + canvas.colours, std::uint8_t{0});
      }
    }
  }
}

Bytes png_of(const Canvas& canvas, const std::string& path) {
  Bytes png;
  const auto append = [](void* context, void* bytes, int n) {
    auto& to = *static_cast<Bytes*>(context);
    to.insert(to.end(), static_cast<std::uint8_t*>(bytes), static_cast<std::uint8_t*>(bytes) + n);
  };
  const auto width = static_cast<int>(canvas.width), colours = static_cast<int>(canvas.colours);
  if (stbi_write_png_to_func(append, &png, width, static_cast<int>(canvas.height), colours, canvas.pixels.data(),
                             width * colours) == 0) {
    throw IoError("[contact_sheet] " + path + ": out of memory while compressing");
  }
  return png;
}

}  // namespace

void contact_sheet(const Images& images, const std::vector<std::string>& class_names, const SheetOptions& o,
                   const std::string& path) {
  if (o.rows < 1 || o.cols < 1 || images.height < 1 || images.width < 1) {
    throw ValueError("[contact_sheet] expected rows and cols >= 1 of non-empty images; got " + std::to_string(o.rows) +
                     " x " + std::to_string(o.cols));
  }
  const Cell cell = cell_of(images.shape(), o, !class_names.empty());
  const std::int64_t height = o.rows * std::int64_t{cell.height + kGap} - kGap,
                     width = o.cols * std::int64_t{cell.width + kGap} - kGap;
  if (height > kMaxSheetSide || width > kMaxSheetSide) {
    throw ValueError("[contact_sheet] expected a sheet of at most 16384 pixels a side; got " + std::to_string(width) +
                     " x " + std::to_string(height));
  }
  std::vector<std::int64_t> order(images.labels.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  if (o.shuffle) Rng(o.seed, data::kSheetStream).shuffle(order);
  Canvas canvas(height, width, images.channels == 1 ? 1 : 3);
  std::vector<std::uint8_t> scratch;
  for (std::int64_t i = 0; i < std::min(images.count(), std::int64_t{o.rows} * o.cols); ++i) {
    const std::int64_t index = order[static_cast<std::size_t>(i)];
    const std::int64_t top = i / o.cols * (cell.height + kGap), left = i % o.cols * (cell.width + kGap);
    draw_image(canvas, images.image(index, scratch), images.shape(), cell.scale, top, left);
    if (!cell.labelled) continue;
    const auto label = static_cast<std::size_t>(images.labels[static_cast<std::size_t>(index)]);
    draw_text(canvas, label < class_names.size() ? class_names[label] : std::to_string(label),
              top + cell.height - data::kGlyphHeight, left, cell.width);
  }
  const Bytes png = png_of(canvas, path);
  write_file_atomically(path, std::as_bytes(std::span(png)));
}

}  // namespace tern
