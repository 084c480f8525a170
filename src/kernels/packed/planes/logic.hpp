// The gates of logic-gated networks on codes 0 and 1 (tern/logic.hpp has the float operations), in both plane layouts:
//   or     y | x
//   mux    t ? y : y | x        t: one bit a channel
//   tgap   2 * count > pixels   one bit a channel
// A gate with t = null is `or`. Borders keep their code.
#pragma once

#include "kernels/packed/bitsliced/layout.hpp"
#include "kernels/packed/kpacked/layout.hpp"

namespace tern::kernels::planes {

/// K-packed; images of the same extents, t an image of one pixel. Rows begin .. end - 1.
struct KpackedGate {
  kpacked::PlaneLayout y_layout, x_layout, t_layout, out_layout;
  void run(const std::uint8_t* y, const std::uint8_t* x, const std::uint8_t* t, std::uint8_t* out, std::int64_t begin,
           std::int64_t end) const;
};
/// Bytes of 8 channels begin .. end - 1.
void tgap(const kpacked::PlaneLayout& in, const std::uint8_t* x, const kpacked::PlaneLayout& out, std::uint8_t* t,
          std::int64_t begin, std::int64_t end);

/// Bit-sliced; images of the same extents. Channels begin .. end - 1.
struct SlicedGate {
  bitsliced::SlicedLayout y_layout, x_layout, t_layout, out_layout;
  void run(const std::uint8_t* y, const std::uint8_t* x, const std::uint8_t* t, std::uint8_t* out, std::int64_t begin,
           std::int64_t end) const;
};
void tgap(const bitsliced::SlicedLayout& in, const std::uint8_t* x, const bitsliced::SlicedLayout& out, std::uint8_t* t,
          std::int64_t begin, std::int64_t end);

}  // namespace tern::kernels::planes
