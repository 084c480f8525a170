// A look at the Huffman tables, frame and scans of a JPEG before its decoder sees them.
#pragma once

#include <cstddef>
#include <optional>

#include "files/bytes.hpp"

namespace tern::data {

struct JpegFlaw {
  std::size_t offset = 0;
  const char* field = "";
  const char* detail = "";
};

/// What comes first of: a Huffman table with more than 256 codes; the scan after the 100th; a frame of more blocks of
/// 8 x 8 samples than the file has bits; scans that go over more blocks than 2^20 and 64 a byte of the file; the end of
/// the file without its marker. Nothing if there is none of them, or `file` is no JPEG. The format has 256 codes at
/// most, and stb_image before 2.29 writes past its arrays when there are more. Each scan of a progressive JPEG goes
/// over its whole image, whatever the scan's size in the file, so that a small file could take hours; encoders write
/// about
/// 10. What is missing at the end would become grey.
std::optional<JpegFlaw> jpeg_flaw(ByteView file);

}  // namespace tern::data
