// Which way up a photo is.
#pragma once

#include "files/bytes.hpp"

namespace tern::data {

/// The orientation (EXIF tag 0x112) that a JPEG carries, 1 to 8; 1, which is upright, where it says nothing, is damaged
/// there, or `file` is no JPEG.
int exif_orientation(ByteView file);

/// The walk over stored pixels (height rows of width) that meets the upright picture row by row: its pixel (y, x) is
/// the stored one number first + y * down + x * right.
struct UprightWalk {
  std::ptrdiff_t first, down, right;
};
UprightWalk upright_walk(int orientation, int height, int width);

/// True if the upright picture is as wide as the stored one is high.
inline bool lies_on_its_side(int orientation) { return orientation >= 5; }

}  // namespace tern::data
