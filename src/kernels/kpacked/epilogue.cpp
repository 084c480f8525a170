// What follows the sums: integer thresholds written as planes, and max pooling on planes.
#include <algorithm>
#include <array>
#include <limits>

#include "kernels/kpacked/conv.hpp"

namespace tern::kernels::kpacked {

Thresholds::Thresholds(i64 outputs, int levels, const std::int32_t* t, const std::int8_t* flip) : levels_(levels) {
  constexpr auto kNever = std::numeric_limits<std::int32_t>::max();
  const i64 blocks = (outputs + kBlock - 1) / kBlock;
  t_.assign(static_cast<std::size_t>(blocks * levels * kBlock), kNever);  // lanes that are no channel write 0
  for (i64 o = 0; o < outputs; ++o) {
    for (int j = 0; j < levels; ++j) {
      std::int32_t v = t[o * levels + j];
      // -INT32_MIN does not exist; flipped, INT32_MIN means never. Sums do not reach the extremes.
      if (flip && flip[o]) v = v == std::numeric_limits<std::int32_t>::min() ? kNever : -v;
      t_[static_cast<std::size_t>((o / kBlock * levels + j) * kBlock + o % kBlock)] = v;
    }
  }
}

std::vector<std::int8_t> Thresholds::negate(const std::int8_t* w, i64 outputs, i64 k, const std::int8_t* flip) {
  std::vector<std::int8_t> out(w, w + outputs * k);
  for (i64 o = 0; flip && o < outputs; ++o) {
    if (!flip[o]) continue;
    for (i64 i = o * k; i < (o + 1) * k; ++i) {
      out[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(-out[static_cast<std::size_t>(i)]);
    }
  }
  return out;
}

void Thresholds::write(const Micro& micro, const std::int32_t* acc, i64 block, i64 pixels, const PlaneLayout& layout,
                       u8* planes, i64 y, i64 x) const {
  const std::int32_t* t = t_.data() + block * levels_ * kBlock;
  u8* to = planes + layout.at(y, x) + block;
  const i64 step = layout.pixel_bytes();
  if (layout.code.thermometer()) {
    micro.threshold(acc, pixels, t, levels_, to, step, layout.plane_bytes());
    return;
  }
  constexpr i64 kRun = 64;
  std::array<u8, kRun * 256> masks;
  for (i64 i = 0; i < pixels; i += kRun) {
    const i64 n = std::min(kRun, pixels - i);
    micro.threshold(acc + i * kBlock, n, t, levels_, masks.data(), 1, kRun);
    masks_to_digits(masks.data(), kRun, levels_, n, to + i * step, step, layout.plane_bytes(), layout.code.planes());
  }
}

// Digit k of a count n is the parity of how many multiples of 2^k lie in 1..n, and mask j says whether n > j.
void masks_to_digits(const u8* masks, i64 level_step, int levels, i64 pixels, u8* out, i64 step, i64 plane_bytes,
                     int planes) {
  for (int k = 0; k < planes; ++k) {
    for (i64 i = 0; i < pixels; ++i) {
      unsigned digit = 0;
      for (int n = 1 << k; n <= levels; n += 1 << k) digit ^= masks[(n - 1) * level_step + i];
      out[k * plane_bytes + i * step] = static_cast<u8>(digit);
    }
  }
}

namespace {

// best = max(best, x) for 8 channels at once; digits from the highest plane down.
void take_larger(std::array<u8, 8>& best, const u8* x, i64 plane_bytes, int planes) {
  unsigned greater = 0, decided = 0;
  for (int k = planes - 1; k >= 0; --k) {
    const unsigned a = x[k * plane_bytes], b = best[static_cast<std::size_t>(k)];
    greater |= (a & ~b) & ~decided;
    decided |= a ^ b;
  }
  for (int k = 0; k < planes; ++k) {
    u8& b = best[static_cast<std::size_t>(k)];
    b = static_cast<u8>((x[k * plane_bytes] & greater) | (b & ~greater));
  }
}

}  // namespace

void max_pool(const PoolShape& d, const PlaneLayout& in, const u8* x, const PlaneLayout& out, u8* y, i64 row_begin,
              i64 row_end) {
  const int planes = in.code.planes();
  const i64 bytes = in.pixel_bytes();
  for (i64 p = row_begin; p < row_end; ++p) {
    const i64 top = std::max<i64>(p * d.stride - d.pad, 0), bottom = std::min(p * d.stride - d.pad + d.kernel, d.height);
    for (i64 q = 0; q < d.out_width(); ++q) {
      const i64 left = std::max<i64>(q * d.stride - d.pad, 0);
      const i64 right = std::min(q * d.stride - d.pad + d.kernel, d.width);
      u8* to = y + out.at(p, q);
      if (in.code.thermometer()) {  // the maximum of thermometers is their OR
        for (int k = 0; k < planes; ++k) {
          std::fill_n(to + k * out.plane_bytes(), bytes, u8{0});
          for (i64 i = top; i < bottom; ++i) {
            const u8* from = x + k * in.plane_bytes() + in.at(i, left);
            for (i64 j = left; j < right; ++j, from += bytes) {
              for (i64 b = 0; b < bytes; ++b) to[k * out.plane_bytes() + b] |= from[b];
            }
          }
        }
        continue;
      }
      for (i64 b = 0; b < bytes; ++b) {
        std::array<u8, 8> best{};  // the lowest code
        for (i64 i = top; i < bottom; ++i) {
          for (i64 j = left; j < right; ++j) take_larger(best, x + in.at(i, j) + b, in.plane_bytes(), planes);
        }
        for (int k = 0; k < planes; ++k) to[k * out.plane_bytes() + b] = best[static_cast<std::size_t>(k)];
      }
    }
  }
}

}  // namespace tern::kernels::kpacked
