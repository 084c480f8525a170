// Other sizes and channels for one image.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "files/bytes.hpp"
#include "tern/data.hpp"

namespace tern::data {

/// ITU-R BT.601 luma, 0.299 R + 0.587 G + 0.114 B in 16-bit fixed point, rounded.
constexpr std::uint8_t grey_of(std::uint32_t r, std::uint32_t g, std::uint32_t b) {
  return static_cast<std::uint8_t>((r * 19595u + g * 38470u + b * 7471u + 0x8000u) >> 16);
}

struct FitScratch {
  Bytes a, b;
  std::vector<float> floats;
};

/// tern::resize with memory to reuse.
void resize_image(ByteView in, ImageShape shape, int height, int width, std::span<std::uint8_t> out,
                  std::vector<float>& scratch);

/// Errors: ValueError unless the channels are 1, 3 or 4 on both sides and the sizes positive.
void check_convertible(const char* op, ImageShape from, ImageShape to);

/// Shorter side and centre crop to the size of `to`, then its channels.
void fit_image(ByteView in, ImageShape from, ImageShape to, std::span<std::uint8_t> out, FitScratch& scratch);

}  // namespace tern::data
