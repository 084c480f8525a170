// What a person's own photos are like, made on the spot: folders of classes with JPEGs of several sizes, some lying on
// their side and saying so in EXIF, one that is cut short, and a file of a kind that tern does not read.
// Beside them two small sets of PPM: plain colours, and frames, whose border says one class in training and another one
// in the test.
// Usage: make_photos FOLDER
#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

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

namespace {

using Bytes = std::vector<unsigned char>;
using Colour = std::array<int, 3>;

struct Photo {
  int height, width;
  Bytes rgb;
};

/// A round thing of one colour on a grey table, somewhere near the middle.
Photo photo_of(const Colour& colour, int height, int width, tern::Rng& rng) {
  Photo p{height, width, Bytes(static_cast<std::size_t>(3 * height * width))};
  const int cy = height / 2 + static_cast<int>(rng.below(9)) - 4, cx = width / 2 + static_cast<int>(rng.below(9)) - 4;
  const int r = std::min(height, width) / 3, table = 90 + static_cast<int>(rng.below(80));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const bool inside = (y - cy) * (y - cy) + (x - cx) * (x - cx) < r * r;
      for (int c = 0; c < 3; ++c) {
        const int value = (inside ? colour[static_cast<std::size_t>(c)] : table) + static_cast<int>(rng.below(41)) - 20;
        p.rgb[static_cast<std::size_t>(3 * (y * width + x) + c)] =
            static_cast<unsigned char>(std::clamp(value, 0, 255));
      }
    }
  }
  return p;
}

/// As a camera stores it that was held upright: row 0 is the right side of the picture.
Photo on_its_side(const Photo& upright) {
  Photo p{upright.width, upright.height, Bytes(upright.rgb.size())};
  for (int y = 0; y < p.height; ++y) {
    for (int x = 0; x < p.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        p.rgb[static_cast<std::size_t>(3 * (y * p.width + x) + c)] =
            upright.rgb[static_cast<std::size_t>(3 * (x * upright.width + upright.width - 1 - y) + c)];
      }
    }
  }
  return p;
}

Bytes jpeg_of(const Photo& p, int orientation) {
  Bytes jpeg;
  const auto append = [](void* to, void* bytes, int n) {
    auto* b = static_cast<unsigned char*>(bytes);
    static_cast<Bytes*>(to)->insert(static_cast<Bytes*>(to)->end(), b, b + n);
  };
  stbi_write_jpg_to_func(append, &jpeg, p.width, p.height, 3, p.rgb.data(), 90);
  const Bytes exif{0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,
                   'M',  'M',  0, 42, 0,   0,   0,   8,   0, 1,
                   0x01, 0x12, 0, 3,  0,   0,   0,   1,   0, static_cast<unsigned char>(orientation),
                   0,    0,    0, 0,  0,   0};
  jpeg.insert(jpeg.begin() + 2, exif.begin(), exif.end());
  return jpeg;
}

void write(const std::string& path, const Bytes& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

Bytes some_photo(const Colour& colour, int number, tern::Rng& rng) {
  constexpr std::array<std::pair<int, int>, 4> kSizes{{{90, 120}, {120, 160}, {75, 100}, {96, 96}}};
  const auto [height, width] = kSizes[static_cast<std::size_t>(number) % kSizes.size()];
  const Photo photo = photo_of(colour, height, width, rng);
  return number % 3 == 0 ? jpeg_of(on_its_side(photo), 6) : jpeg_of(photo, 1);
}

/// 16 x 16: `centre` within, `border` around.
Bytes ppm_of(const Colour& centre, const Colour& border, tern::Rng& rng) {
  const std::string header = "P6 16 16 255\n";
  Bytes out(header.begin(), header.end());
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) {
      const bool within = y >= 4 && y < 12 && x >= 4 && x < 12;
      for (std::size_t c = 0; c < 3; ++c) {
        const int value = (within ? centre : border)[c] + static_cast<int>(rng.below(81)) - 40;
        out.push_back(static_cast<unsigned char>(std::clamp(value, 0, 255)));
      }
    }
  }
  return out;
}

void write_small_sets(const std::string& folder, tern::Rng& rng) {
  const std::array<std::pair<std::string, Colour>, 3> classes{
      {{"a", {220, 30, 30}}, {"b", {30, 220, 30}}, {"c", {30, 30, 220}}}};
  for (const auto& [split, count] : {std::pair{"train", 24}, std::pair{"test", 10}}) {
    for (int i = 0; i < count; ++i) {
      const std::string name = std::to_string(100 + i) + ".ppm";
      for (const auto& [letter, colour] : classes) {
        write(folder + "/colours/" + split + "/" + letter + "/" + name, ppm_of(colour, colour, rng));
      }
      for (std::size_t k : {0u, 1u}) {
        const Colour& border = classes[split == std::string("train") ? k : 1 - k].second;
        write(folder + "/frames/" + split + "/" + classes[k].first + "/" + name,
              ppm_of(classes[k].second, border, rng));
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_photos FOLDER\n";
    return 2;
  }
  const std::string folder = argv[1];
  const std::array<std::pair<std::string, Colour>, 3> classes{
      {{"leaf", {40, 160, 50}}, {"lemon", {230, 210, 40}}, {"plum", {90, 40, 120}}}};
  tern::Rng rng(1);
  for (const auto& [name, colour] : classes) {
    for (int i = 1; i <= 20; ++i) {
      write(folder + "/photos/" + name + "/IMG_" + std::to_string(1000 + i) + ".jpg", some_photo(colour, i, rng));
    }
    write(folder + "/new/" + name + ".jpg", some_photo(colour, 3, rng));
  }
  const Bytes whole = some_photo(classes[0].second, 1, rng);
  const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() / 2));
  write(folder + "/photos/leaf/IMG_2000.jpg", cut);
  write(folder + "/photos/plum/IMG_2001.heic", {'x'});
  write(folder + "/new/broken.jpg", cut);
  write(folder + "/photo.jpg", some_photo(classes[1].second, 6, rng));
  write_small_sets(folder, rng);
  return 0;
}
