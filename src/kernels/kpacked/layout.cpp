#include "kernels/kpacked/layout.hpp"

#include <algorithm>
#include <bit>

namespace tern::kernels::kpacked {

int PlaneCode::planes() const {
  return thermometer() ? levels() : static_cast<int>(std::bit_width(static_cast<unsigned>(levels())));
}

void clear(const PlaneLayout& d, u8* planes) {
  const int border = d.code.lo <= 0 && d.code.hi >= 0 ? 0 : d.code.lo;
  for (int k = 0; k < d.code.planes(); ++k, planes += d.plane_bytes()) {
    std::fill_n(planes, d.plane_bytes(), d.code.bit(border, k) ? u8{0xff} : u8{0});
    for (i64 y = 0; y < d.height; ++y) std::fill_n(planes + d.at(y, 0), d.width * d.pixel_bytes(), u8{0});
  }
}

void pack(const PlaneLayout& d, const std::int8_t* codes, u8* planes) {
  const i64 pixels = d.height * d.width;
  for (int k = 0; k < d.code.planes(); ++k, planes += d.plane_bytes()) {
    for (i64 y = 0; y < d.height; ++y) {
      for (i64 x = 0; x < d.width; ++x) {
        u8* to = planes + d.at(y, x);
        for (i64 b = 0; b < d.pixel_bytes(); ++b) {
          unsigned byte = 0;
          for (i64 c = 8 * b; c < std::min(d.channels, 8 * b + 8); ++c) {
            byte |= static_cast<unsigned>(d.code.bit(codes[c * pixels + y * d.width + x], k)) << (c % 8);
          }
          to[b] = static_cast<u8>(byte);
        }
      }
    }
  }
}

void unpack(const PlaneLayout& d, const u8* planes, std::int8_t* codes) {
  const i64 pixels = d.height * d.width;
  std::fill_n(codes, d.channels * pixels, static_cast<std::int8_t>(d.code.lo));
  for (int k = 0; k < d.code.planes(); ++k, planes += d.plane_bytes()) {
    const int weight = d.code.weight(k);
    for (i64 c = 0; c < d.channels; ++c) {
      for (i64 y = 0; y < d.height; ++y) {
        const u8* from = planes + d.at(y, 0) + c / 8;
        std::int8_t* to = codes + c * pixels + y * d.width;
        for (i64 x = 0; x < d.width; ++x, from += d.pixel_bytes()) {
          to[x] = static_cast<std::int8_t>(to[x] + (*from >> (c % 8) & 1) * weight);
        }
      }
    }
  }
}

}  // namespace tern::kernels::kpacked
