// Codes as bit planes, one bit an image position: the layout that the bit-sliced kernels work on. It is the K-packed
// layout turned by 90 degrees: there a byte holds 8 channels of a pixel, here a word holds 64 positions of a channel.
//
// A plane is one stream of bits, position (y, x) is bit y * pitch + x, with pitch >= width + the padding that consumers
// want to the right. What lies right of a row serves as the left border of the next one; in front and behind lie
// margins. All border bits hold one code. Small images fill few positions of a vector, so several may lie in one
// stream, `period` rows from one to the next with border rows between; image(i) is the view of one of them. Planes of a
// channel follow each other: plane (c, k) is number c * planes + k.
#pragma once

#include <cstdint>

#include "kernels/packed/bitsliced/bits.hpp"
#include "kernels/packed/kpacked/layout.hpp"

namespace tern::kernels::bitsliced {

using i64 = std::int64_t;
using u8 = std::uint8_t;
using u64 = std::uint64_t;
using kpacked::PlaneCode;

/// Widest vector of any instruction set; streams are written in whole vectors.
inline constexpr i64 kMaxVectorBytes = 64;

struct SlicedLayout {
  PlaneCode code;
  i64 channels = 1, height = 1, width = 1;
  i64 pitch = 1;        ///< bits from a row to the next
  i64 margin_bits = 0;  ///< border bits that consumers read in front of (0, 0) and behind the last row
  i64 images = 1, period = 0;
  i64 first_row = 0;  ///< of the image that this is a view of

  i64 planes() const { return channels * code.planes(); }
  i64 stream_bits() const { return ((images - 1) * period + height) * pitch; }
  i64 bit(i64 y, i64 x) const { return (first_row + y) * pitch + x; }
  SlicedLayout image(i64 i) const {
    SlicedLayout view = *this;
    view.first_row = i * period;
    return view;
  }
  /// Bytes from the start of a plane to bit 0 of its stream; a multiple of 64.
  i64 front_bytes() const { return (margin_bits / 8 + 64) / 64 * 64 + 64; }
  i64 stream_bytes() const {
    return (stream_bits() + 8 * kMaxVectorBytes - 1) / (8 * kMaxVectorBytes) * kMaxVectorBytes;
  }
  i64 plane_bytes() const { return 2 * front_bytes() + stream_bytes() + 64; }
  i64 total_bytes() const { return planes() * plane_bytes(); }
  /// Value of the border bits of plane k.
  bool border_bit(int k) const { return code.bit(code.border_or_lowest(), k); }
};

/// Fills everything with border bits.
void clear(const SlicedLayout& layout, u8* planes);
/// Dense codes [C][H][W] of the image in view to planes and back. The border is not touched.
void pack(const SlicedLayout& layout, const std::int8_t* codes, u8* planes);
void unpack(const SlicedLayout& layout, const u8* planes, std::int8_t* codes);
/// To real values, step * code.
void unpack(const SlicedLayout& layout, const u8* planes, float step, float* values);

/// Replaces `n` <= 64 bits from bit `at` >= 0.
void put_bits(u8* stream, i64 at, i64 n, u64 bits);

}  // namespace tern::kernels::bitsliced
