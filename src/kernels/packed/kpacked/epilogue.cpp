// What follows the sums: integer thresholds written as planes, and max pooling on planes.
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "kernels/packed/kpacked/conv.hpp"

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

std::vector<std::int32_t> pixel_bytes(const PlaneLayout& layout) {
  std::vector<std::int32_t> at;
  for (i64 y = 0; y < layout.height; ++y) {
    for (i64 x = 0; x < layout.width; ++x) at.push_back(static_cast<std::int32_t>(layout.at(y, x)));
  }
  return at;
}

void Thresholds::write(const Micro& micro, const std::int32_t* acc, i64 block, i64 pixels, const PlaneLayout& layout,
                       u8* planes, const std::int32_t* at) const {
  const std::int32_t* t = t_.data() + block * levels_ * kBlock;
  u8* to = planes + block;
  if (layout.code.thermometer()) {
    micro.threshold(acc, pixels, t, levels_, to, at, layout.plane_bytes());
    return;
  }
  constexpr i64 kRun = 64;
  static constexpr auto kDense = [] {
    std::array<std::int32_t, kRun> a{};
    for (int i = 0; i < kRun; ++i) a[static_cast<std::size_t>(i)] = i;
    return a;
  }();
  std::array<u8, kRun * 256> masks;
  for (i64 i = 0; i < pixels; i += kRun) {
    const i64 n = std::min(kRun, pixels - i);
    micro.threshold(acc + i * kBlock, n, t, levels_, masks.data(), kDense.data(), kRun);
    masks_to_digits(masks.data(), kRun, levels_, n, to, at + i, layout.plane_bytes(), layout.code.planes());
  }
}

// Digit k of a count n is the parity of how many multiples of 2^k lie in 1..n, and mask j says whether n > j.
void masks_to_digits(const u8* masks, i64 level_step, int levels, i64 pixels, u8* out, const std::int32_t* at,
                     i64 plane_bytes, int planes) {
  for (int k = 0; k < planes; ++k) {
    for (i64 i = 0; i < pixels; ++i) {
      unsigned digit = 0;
      for (int n = 1 << k; n <= levels; n += 1 << k) digit ^= masks[(n - 1) * level_step + i];
      out[k * plane_bytes + at[i]] = static_cast<u8>(digit);
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

// OR of a window into one pixel; the words of a pixel are the inner loop.
void or_window(const u8* from, i64 rows, i64 row_bytes, i64 window_bytes, i64 bytes, u8* to) {
  std::array<u8, 64> sum;
  for (i64 b0 = 0; b0 < bytes; b0 += 64) {
    const i64 n = std::min<i64>(64, bytes - b0);
    std::copy_n(from + b0, n, sum.data());
    for (i64 i = 0; i < rows; ++i) {
      const u8* row = from + b0 + i * row_bytes;
      for (i64 j = 0; j < window_bytes; j += bytes) {
        i64 b = 0;
        for (; b + 8 <= n; b += 8) {
          std::uint64_t x, y;
          std::memcpy(&x, sum.data() + b, 8);
          std::memcpy(&y, row + j + b, 8);
          x |= y;
          std::memcpy(sum.data() + b, &x, 8);
        }
        for (; b < n; ++b) sum[static_cast<std::size_t>(b)] |= row[j + b];
      }
    }
    std::copy_n(sum.data(), n, to + b0);
  }
}

}  // namespace

void max_pool(const PoolShape& d, const PlaneLayout& in, const u8* x, const PlaneLayout& out, u8* y, i64 row_begin,
              i64 row_end) {
  const int planes = in.code.planes();
  const i64 bytes = in.pixel_bytes(), cols = d.out_width();
  const i64 in_plane = in.plane_bytes(), out_plane = out.plane_bytes(), row_bytes = in.row_bytes();
  const bool thermometer = in.code.thermometer();
  for (i64 p = row_begin; p < row_end; ++p) {
    const i64 top = std::max<i64>(p * d.stride - d.pad, 0),
              bottom = std::min(p * d.stride - d.pad + d.kernel, d.height);
    for (i64 q = 0; q < cols; ++q) {
      const i64 left = std::max<i64>(q * d.stride - d.pad, 0);
      const i64 right = std::min(q * d.stride - d.pad + d.kernel, d.width);
      const u8* from = x + in.at(top, left);
      u8* to = y + out.at(p, q);
      if (thermometer) {  // the maximum of thermometers is their OR
        for (int k = 0; k < planes; ++k) {
          or_window(from + k * in_plane, bottom - top, row_bytes, (right - left) * bytes, bytes, to + k * out_plane);
        }
        continue;
      }
      for (i64 b = 0; b < bytes; ++b) {
        std::array<u8, 8> best{};  // the lowest code
        for (i64 i = top; i < bottom; ++i) {
          for (i64 j = left; j < right; ++j) take_larger(best, x + in.at(i, j) + b, in_plane, planes);
        }
        for (int k = 0; k < planes; ++k) to[k * out_plane + b] = best[static_cast<std::size_t>(k)];
      }
    }
  }
}

}  // namespace tern::kernels::kpacked
