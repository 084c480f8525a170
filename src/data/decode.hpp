// Image files (JPEG, PNG, BMP, GIF, PNM) to C x H x W bytes, upright.
#pragma once

#include <string>
#include <vector>

#include "files/bytes.hpp"
#include "tern/data.hpp"

namespace tern::data {

struct DecodedImage {
  ImageShape shape;
  Bytes pixels;  ///< C x H x W
};

/// Reads the header only. Grey + alpha counts as 2 channels. `offset`: where the file begins in `path`, for messages.
/// Errors: FormatError if it is no such image, over 16384 pixels a side or 256 Mi in all, or too short for its size.
ImageShape image_header(ByteView file, const std::string& path, std::uint64_t offset);

/// Decodes with `channels` 1, 3 or 4. Errors: as image_header, and FormatError on damaged data.
DecodedImage decode_image(ByteView file, int channels, const std::string& path, std::uint64_t offset);

}  // namespace tern::data
