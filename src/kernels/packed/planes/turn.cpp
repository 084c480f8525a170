#include "kernels/packed/planes/turn.hpp"

#include <algorithm>

#include "kernels/packed/planes/words.hpp"

namespace tern::kernels::planes {

void turn(const kpacked::PlaneLayout& from, const u8* x, const bitsliced::SlicedLayout& to, u8* y, i64 begin, i64 end) {
  const int planes = from.code.planes();
  for (i64 b = begin; b < end; ++b) {
    const i64 channels = std::min<i64>(8, from.channels - 8 * b);
    for (int k = 0; k < planes; ++k) {
      u8* stream = y + (8 * b * planes + k) * to.plane_bytes() + to.front_bytes();
      for (i64 row = 0; row < from.height; ++row) {
        for (i64 col = 0; col < from.width; col += 64) {
          const i64 n = std::min<i64>(64, from.width - col);
          u64 words[8];
          channel_words(x + k * from.plane_bytes() + from.at(row, col) + b, from.pixel_bytes(), n, words);
          for (i64 c = 0; c < channels; ++c)
            put_word(stream + c * planes * to.plane_bytes(), to.bit(row, col), n, words[c]);
        }
      }
    }
  }
}

void turn(const bitsliced::SlicedLayout& from, const u8* x, const kpacked::PlaneLayout& to, u8* y, i64 begin, i64 end) {
  const int planes = to.code.planes();
  const i64 step = to.pixel_bytes();
  for (i64 b = begin; b < end; ++b) {
    const i64 channels = std::min<i64>(8, to.channels - 8 * b);
    for (int k = 0; k < planes; ++k) {
      const u8* stream = x + (8 * b * planes + k) * from.plane_bytes() + from.front_bytes();
      for (i64 row = 0; row < to.height; ++row) {
        for (i64 col = 0; col < to.width; col += 64) {
          const i64 n = std::min<i64>(64, to.width - col);
          u64 words[8] = {};
          for (i64 c = 0; c < channels; ++c)
            words[c] = word_at(stream + c * planes * from.plane_bytes(), from.bit(row, col));
          u8* pixel = y + k * to.plane_bytes() + to.at(row, col) + b;
          for (i64 first = 0; first < n; first += 8) {
            u64 block = 0;
            for (int c = 0; c < 8; ++c) block |= (words[c] >> first & 0xff) << (8 * c);
            block = transpose8(block);
            for (i64 i = first; i < std::min(n, first + 8); ++i, block >>= 8) pixel[i * step] = static_cast<u8>(block);
          }
        }
      }
    }
  }
}

}  // namespace tern::kernels::planes
