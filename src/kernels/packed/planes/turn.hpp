// From the K-packed layout to the bit-sliced one and back: 8x8 blocks of bits, transposed.
//
// A K-packed byte is 8 channels of one pixel, a bit-sliced byte 8 pixels of one channel, so eight pixels of one channel
// byte are a block that turns into eight bytes of eight streams. Borders are not touched.
#pragma once

#include "kernels/packed/bitsliced/layout.hpp"
#include "kernels/packed/kpacked/layout.hpp"

namespace tern::kernels::planes {

/// Both layouts describe the same codes and extents. Channel bytes begin .. end - 1 of ceil(channels / 8) are done;
/// calls for disjoint ranges may run at the same time.
void turn(const kpacked::PlaneLayout& from, const std::uint8_t* x, const bitsliced::SlicedLayout& to, std::uint8_t* y,
          std::int64_t begin, std::int64_t end);
void turn(const bitsliced::SlicedLayout& from, const std::uint8_t* x, const kpacked::PlaneLayout& to, std::uint8_t* y,
          std::int64_t begin, std::int64_t end);

}  // namespace tern::kernels::planes
