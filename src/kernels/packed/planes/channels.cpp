#include "kernels/packed/planes/channels.hpp"

#include <algorithm>

#include "kernels/packed/planes/words.hpp"

namespace tern::kernels::planes {

void copy_channel(const bitsliced::SlicedLayout& in, const u8* x, i64 from, const bitsliced::SlicedLayout& out, u8* y,
                  i64 to) {
  const int planes = out.code.planes();
  for (int k = 0; k < planes; ++k) {
    const u8* a = x + (from * planes + k) * in.plane_bytes() + in.front_bytes();
    u8* b = y + (to * planes + k) * out.plane_bytes() + out.front_bytes();
    for (i64 row = 0; row < out.height; ++row) {
      for (i64 col = 0; col < out.width; col += 64) {
        const i64 n = std::min<i64>(64, out.width - col);
        put_word(b, out.bit(row, col), n, word_at(a, in.bit(row, col)) & low_mask(n));
      }
    }
  }
}

KpackedChannels::KpackedChannels(std::span<const ChannelSource> order) {
  for (std::size_t c = 0; c < order.size(); ++c) {
    const ChannelSource& s = order[c];
    const bool new_byte = c % 8 == 0;
    if (new_byte) bytes_.push_back(pieces_.size());
    if (!new_byte && s.input == order[c - 1].input && s.channel == order[c - 1].channel + 1) {
      pieces_.back().mask = pieces_.back().mask << 1 | 1;  // at most 8 bits, which start in the first of two bytes
    } else {
      pieces_.push_back(
          {s.input, s.channel / 8, static_cast<unsigned>(s.channel % 8), 1, static_cast<unsigned>(c % 8)});
    }
  }
  bytes_.push_back(pieces_.size());
}

void KpackedChannels::run(std::span<const kpacked::PlaneLayout> in, std::span<const u8* const> x,
                          const kpacked::PlaneLayout& out, u8* y, i64 begin, i64 end) const {
  for (int k = 0; k < out.code.planes(); ++k) {
    for (i64 row = begin; row < end; ++row) {
      u8* to = y + k * out.plane_bytes() + out.at(row, 0);
      for (std::size_t b = 0; b + 1 < bytes_.size(); ++b) {
        for (std::size_t p = bytes_[b]; p < bytes_[b + 1]; ++p) {
          const Piece& piece = pieces_[p];
          const kpacked::PlaneLayout& layout = in[piece.input];
          const u8* from = x[piece.input] + k * layout.plane_bytes() + layout.at(row, 0) + piece.byte;
          const unsigned keep = p > bytes_[b] ? 0xff : 0;  // what earlier pieces have put there
          u8* pixel = to + b;
          for (i64 col = 0; col < out.width; ++col, from += layout.pixel_bytes(), pixel += out.pixel_bytes()) {
            const unsigned both = from[0] | static_cast<unsigned>(from[1]) << 8;  // every plane has slack behind it
            *pixel = static_cast<u8>((*pixel & keep) | (both >> piece.first & piece.mask) << piece.to);
          }
        }
      }
    }
  }
}

}  // namespace tern::kernels::planes
