// A look at the Huffman tables and scans of a JPEG before its decoder sees them.
#pragma once

#include <cstddef>
#include <optional>

#include "data/bytes.hpp"

namespace tern::data {

struct JpegFlaw {
  std::size_t offset = 0;
  const char* field = "";
  const char* detail = "";
};

/// A Huffman table with more than 256 codes, or the scan after the 100th, whichever comes first; nothing if there is
/// neither, or `file` is no JPEG. The format has 256 codes at most, and stb_image before 2.29 writes past its arrays
/// when there are more. Each scan of a progressive JPEG goes over the whole image, whatever its size in the file, so
/// that a small file could take hours; encoders write about 10.
std::optional<JpegFlaw> jpeg_flaw(ByteView file);

}  // namespace tern::data
