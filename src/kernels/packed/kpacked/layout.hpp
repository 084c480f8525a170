// Codes as bit planes, packed along the channels: the layout that the K-packed kernels work on.
//
// A code in lo..hi is lo + sum_k weight(k) * bit_k. Two or three levels use thermometer planes (bit_k = [code > lo +
// k], weight 1), more use the binary digits of code - lo (weight 2^k). Plane k of an image is
//
//   [height + 2 pad_h][width + 2 pad_w][bytes]      bytes = ceil(channels / 8), channel c is bit c % 8 of byte c / 8
//
// with a border that holds one code, 0 unless said otherwise, and some slack after it, so that a kernel may read 8
// bytes at any pixel.
#pragma once

#include <cstdint>

namespace tern::kernels::kpacked {

using i64 = std::int64_t;
using u8 = std::uint8_t;

struct PlaneCode {
  int lo = 0, hi = 1;
  int border = 0;  ///< code of the pixels around the image, which convolutions pad with

  bool has_border() const { return lo <= border && border <= hi; }
  int border_or_lowest() const { return has_border() ? border : lo; }

  int levels() const { return hi - lo; }  ///< thresholds between the codes
  bool thermometer() const { return levels() <= 2; }
  int planes() const;
  int weight(int k) const { return thermometer() ? 1 : 1 << k; }
  bool bit(int code, int k) const { return thermometer() ? code > lo + k : ((code - lo) >> k & 1) != 0; }
  /// Bit k of the result is bit(code, k).
  u8 bits(int code) const {
    const int d = code - lo;
    return static_cast<u8>(thermometer() ? d + (d >> 1) : d);
  }
};

struct PlaneLayout {
  PlaneCode code;
  i64 channels = 1, height = 1, width = 1;
  i64 pad_h = 0, pad_w = 0;

  i64 pixel_bytes() const { return (channels + 7) / 8; }
  i64 row_bytes() const { return (width + 2 * pad_w) * pixel_bytes(); }
  i64 plane_bytes() const { return ((height + 2 * pad_h) * row_bytes() + 16 + 63) / 64 * 64; }
  i64 total_bytes() const { return code.planes() * plane_bytes(); }
  /// Byte of pixel (y, x), which may lie in the border, within a plane.
  i64 at(i64 y, i64 x) const { return (y + pad_h) * row_bytes() + (x + pad_w) * pixel_bytes(); }
};

/// Sets every byte: the border to its code (the lowest one if that is none), everything else to the lowest code.
/// Kernels write pixels only, so this is needed once for a buffer that keeps its layout.
void clear(const PlaneLayout& layout, u8* planes);
/// Dense codes [C][H][W] to planes and back. The border is not touched.
void pack(const PlaneLayout& layout, const std::int8_t* codes, u8* planes);
void unpack(const PlaneLayout& layout, const u8* planes, std::int8_t* codes);
/// To real values, step * code.
void unpack(const PlaneLayout& layout, const u8* planes, float step, float* values);

}  // namespace tern::kernels::kpacked
