#include "kernels/packed/planes/logic.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "kernels/packed/planes/words.hpp"

namespace tern::kernels::planes {
namespace {

// Calls f(row, col, count) for the words of an image's rows: `count` <= 64 positions.
template <class F>
void for_each_word(const bitsliced::SlicedLayout& d, F&& f) {
  for (i64 row = 0; row < d.height; ++row) {
    for (i64 col = 0; col < d.width; col += 64) f(row, col, std::min<i64>(64, d.width - col));
  }
}

}  // namespace

void KpackedGate::run(const u8* y, const u8* x, const u8* t, u8* out, i64 begin, i64 end) const {
  const i64 bytes = out_layout.pixel_bytes(), row_bytes = out_layout.width * bytes;
  const u8* select = t ? t + t_layout.at(0, 0) : nullptr;
  for (i64 row = begin; row < end; ++row) {
    const u8* a = y + y_layout.at(row, 0);
    const u8* b = x + x_layout.at(row, 0);
    u8* to = out + out_layout.at(row, 0);
    if (!select) {
      for (i64 i = 0; i < row_bytes; ++i) to[i] = a[i] | b[i];
      continue;
    }
    for (i64 pixel = 0; pixel < row_bytes; pixel += bytes) {
      for (i64 i = 0; i < bytes; ++i) to[pixel + i] = static_cast<u8>(a[pixel + i] | (b[pixel + i] & ~select[i]));
    }
  }
}

void tgap(const kpacked::PlaneLayout& in, const u8* x, const kpacked::PlaneLayout& out, u8* t, i64 begin, i64 end) {
  // Eight counters in the bytes of a word, emptied before one could overflow.
  constexpr u64 kOnes = 0x0101010101010101u;
  for (i64 b = begin; b < end; ++b) {
    std::array<i64, 8> count{};
    u64 counters = 0;
    int used = 0;
    const auto empty = [&] {
      for (std::size_t c = 0; c < 8; ++c) count[c] += static_cast<i64>(counters >> (8 * c) & 0xff);
      counters = 0;
      used = 0;
    };
    for (i64 row = 0; row < in.height; ++row) {
      for (i64 col = 0; col < in.width; ++col) {
        // Bit c of the byte to byte c: one copy a byte, of which byte c keeps bit c.
        const u64 spread = x[in.at(row, col) + b] * kOnes & 0x8040201008040201u;
        counters += (spread + 0x7f7f7f7f7f7f7f7fu) >> 7 & kOnes;
        if (++used == 255) empty();
      }
    }
    empty();
    unsigned bits = 0;
    for (std::size_t c = 0; c < 8; ++c) bits |= static_cast<unsigned>(2 * count[c] > in.height * in.width) << c;
    t[out.at(0, 0) + b] = static_cast<u8>(bits);
  }
}

void SlicedGate::run(const u8* y, const u8* x, const u8* t, u8* out, i64 begin, i64 end) const {
  for (i64 c = begin; c < end; ++c) {
    const u8* a = y + c * y_layout.plane_bytes() + y_layout.front_bytes();
    const u8* b = x + c * x_layout.plane_bytes() + x_layout.front_bytes();
    u8* to = out + c * out_layout.plane_bytes() + out_layout.front_bytes();
    const bool through =
        t && (word_at(t + c * t_layout.plane_bytes() + t_layout.front_bytes(), t_layout.bit(0, 0)) & 1) != 0;
    const u64 keep = through ? 0 : ~u64{0};
    for_each_word(out_layout, [&](i64 row, i64 col, i64 n) {
      const u64 bits = word_at(a, y_layout.bit(row, col)) | (word_at(b, x_layout.bit(row, col)) & keep);
      put_word(to, out_layout.bit(row, col), n, bits & low_mask(n));
    });
  }
}

void tgap(const bitsliced::SlicedLayout& in, const u8* x, const bitsliced::SlicedLayout& out, u8* t, i64 begin,
          i64 end) {
  for (i64 c = begin; c < end; ++c) {
    const u8* from = x + c * in.plane_bytes() + in.front_bytes();
    i64 count = 0;
    for_each_word(
        in, [&](i64 row, i64 col, i64 n) { count += std::popcount(word_at(from, in.bit(row, col)) & low_mask(n)); });
    put_word(t + c * out.plane_bytes() + out.front_bytes(), out.bit(0, 0), 1, 2 * count > in.height * in.width ? 1 : 0);
  }
}

}  // namespace tern::kernels::planes
