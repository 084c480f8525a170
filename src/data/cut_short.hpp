// Whether a BMP or GIF ends before its picture does: their decoder would fill in what is missing without a word.
#pragma once

#include "files/bytes.hpp"

namespace tern::data {

/// False for files of other formats.
bool is_cut_short(ByteView file);

}  // namespace tern::data
