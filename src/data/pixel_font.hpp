// Letters of 5 x 7 pixels for the labels of contact sheets.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tern::data {

inline constexpr int kGlyphWidth = 5, kGlyphHeight = 7;
/// From one letter to the next.
inline constexpr int kGlyphStep = kGlyphWidth + 1;

/// Seven rows from the top, the leftmost pixel in bit 4. Small letters look like large ones; a frame stands for what
/// has no glyph.
const std::array<std::uint8_t, kGlyphHeight>& glyph_of(char c);

}  // namespace tern::data
