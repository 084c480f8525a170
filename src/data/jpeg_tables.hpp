// A look at the Huffman tables of a JPEG before its decoder sees them.
#pragma once

#include <cstddef>
#include <optional>

#include "data/bytes.hpp"

namespace tern::data {

/// Offset of the first Huffman table with more than 256 codes; nothing if there is none, or `file` is no JPEG. The
/// format has 256 at most, and stb_image before 2.29 writes past its arrays when there are more.
std::optional<std::size_t> oversized_huffman_table(ByteView file);

}  // namespace tern::data
