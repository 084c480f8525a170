// Channels of one or more images of codes in a new order: concatenation, channel shuffle. Bits move, no code is looked
// at.
#pragma once

#include <span>
#include <vector>

#include "kernels/packed/bitsliced/layout.hpp"
#include "kernels/packed/kpacked/layout.hpp"

namespace tern::kernels::planes {

/// Where a channel of the result comes from.
struct ChannelSource {
  std::size_t input = 0;
  std::int64_t channel = 0;
};

/// Bit-sliced: channel `from` of `in` becomes channel `to` of `out`, which has the same codes and extents.
void copy_channel(const bitsliced::SlicedLayout& in, const std::uint8_t* x, std::int64_t from,
                  const bitsliced::SlicedLayout& out, std::uint8_t* y, std::int64_t to);

/// K-packed: a byte of the result is an OR of pieces, neighbours among its channels that are neighbours in the source
/// too. Concatenation of whole bytes has one piece a byte, a shuffle up to eight.
class KpackedChannels {
 public:
  /// order[c] is the source of channel c.
  explicit KpackedChannels(std::span<const ChannelSource> order);
  std::int64_t pieces() const { return static_cast<std::int64_t>(pieces_.size()); }
  /// Layouts and planes of the inputs; all have the codes and extents of `out`. Rows begin .. end - 1; disjoint ranges
  /// may run at the same time.
  void run(std::span<const kpacked::PlaneLayout> in, std::span<const std::uint8_t* const> x,
           const kpacked::PlaneLayout& out, std::uint8_t* y, std::int64_t begin, std::int64_t end) const;

 private:
  // Bits `first` .. of the two bytes from `byte` of a pixel of `input`, `mask` of them, to bit `to`.
  struct Piece {
    std::size_t input;
    std::int64_t byte;
    unsigned first, mask, to;
  };
  std::vector<Piece> pieces_;
  std::vector<std::size_t> bytes_;  // pieces_ of byte b: bytes_[b] .. bytes_[b + 1] - 1
};

}  // namespace tern::kernels::planes
