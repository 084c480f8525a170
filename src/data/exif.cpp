// EXIF in a JPEG: the segment APP1 that begins with "Exif\0\0" holds a TIFF header, whose first directory may have the
// orientation. Whatever does not fit is passed over: a photo with broken notes is still a photo.
#include "data/exif.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace tern::data {
namespace {

constexpr std::uint16_t kOrientation = 0x112, kShort = 3, kLong = 4;

/// Bounded numbers of a TIFF, in its byte order; 0 outside.
class Tiff {
 public:
  explicit Tiff(ByteView bytes) : bytes_(bytes), big_(!bytes.empty() && bytes[0] == 'M') {}
  std::uint32_t number(std::uint64_t at, std::uint64_t size) const {
    std::uint32_t n = 0;
    for (std::uint64_t i = 0; i < size; ++i) n = n << 8 | byte(big_ ? at + i : at + size - 1 - i);
    return n;
  }

 private:
  std::uint32_t byte(std::uint64_t at) const { return at < bytes_.size() ? bytes_[static_cast<std::size_t>(at)] : 0; }
  ByteView bytes_;
  bool big_;
};

int orientation_of(const Tiff& tiff) {
  if (tiff.number(2, 2) != 42) return 1;
  const std::uint64_t directory = tiff.number(4, 4), entries = tiff.number(directory, 2);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const std::uint64_t entry = directory + 2 + 12 * i;
    if (tiff.number(entry, 2) != kOrientation) continue;
    const std::uint32_t type = tiff.number(entry + 2, 2);
    const std::uint32_t value = type == kShort  ? tiff.number(entry + 8, 2)
                                : type == kLong ? tiff.number(entry + 8, 4)
                                                : 1;
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace

int exif_orientation(ByteView file) {
  constexpr std::uint8_t kApp1 = 0xE1, kScan = 0xDA;
  constexpr std::string_view kExif("Exif\0\0", 6);
  if (file.size() < 4 || file[0] != 0xFF || file[1] != 0xD8) return 1;
  for (std::size_t at = 2; at + 4 <= file.size() && file[at] == 0xFF && file[at + 1] != kScan;) {
    const std::uint8_t marker = file[at + 1];
    if (marker == 0xFF) {  // padding
      ++at;
      continue;
    }
    const std::size_t length = file[at + 2] * std::size_t{256} + file[at + 3];
    const ByteView segment =
        file.subspan(at + 4, std::min(length - std::min<std::size_t>(length, 2), file.size() - at - 4));
    if (marker == kApp1 && segment.size() >= kExif.size() && std::equal(kExif.begin(), kExif.end(), segment.begin())) {
      return orientation_of(Tiff(segment.subspan(kExif.size())));
    }
    at += 2 + std::max<std::size_t>(length, 2);
  }
  return 1;
}

UprightWalk upright_walk(int orientation, int height, int width) {
  const std::ptrdiff_t row = width, bottom = (height - 1) * row, right = row - 1;
  // Where row 0 and column 0 of what is stored lie in the picture: top left, top right, bottom right, bottom left, then
  // with rows and columns exchanged left top, right top, right bottom, left bottom.
  const std::array<UprightWalk, 8> walks{{{0, row, 1},
                                          {right, row, -1},
                                          {bottom + right, -row, -1},
                                          {bottom, -row, 1},
                                          {0, 1, row},
                                          {bottom, 1, -row},
                                          {bottom + right, -1, -row},
                                          {right, -1, row}}};
  return walks.at(static_cast<std::size_t>(orientation - 1));
}

}  // namespace tern::data
