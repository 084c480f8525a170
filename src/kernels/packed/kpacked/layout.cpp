#include "kernels/packed/kpacked/layout.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "kernels/exact.hpp"
#include "kernels/packed/planes/words.hpp"

namespace tern::kernels::kpacked {

int PlaneCode::planes() const {
  return thermometer() ? levels() : static_cast<int>(std::bit_width(static_cast<unsigned>(levels())));
}

void clear(const PlaneLayout& d, u8* planes) {
  const int border = d.code.border_or_lowest();
  for (int k = 0; k < d.code.planes(); ++k, planes += d.plane_bytes()) {
    std::fill_n(planes, d.plane_bytes(), d.code.bit(border, k) ? u8{0xff} : u8{0});
    for (i64 y = 0; y < d.height; ++y) std::fill_n(planes + d.at(y, 0), d.width * d.pixel_bytes(), u8{0});
  }
}

// The planes of eight channels of a pixel are a block of bits, transposed.
void pack(const PlaneLayout& d, const std::int8_t* codes, u8* planes) {
  const i64 pixels = d.height * d.width, plane_bytes = d.plane_bytes();
  const int count = d.code.planes();
  for (i64 y = 0; y < d.height; ++y) {
    for (i64 b = 0; b < d.pixel_bytes(); ++b) {
      const i64 channels = std::min<i64>(8, d.channels - 8 * b);
      for (i64 x = 0; x < d.width; ++x) {
        const std::int8_t* from = codes + 8 * b * pixels + y * d.width + x;
        std::uint64_t block = 0;
        for (i64 c = 0; c < channels; ++c) block |= std::uint64_t{d.code.bits(from[c * pixels])} << (8 * c);
        block = kernels::planes::transpose8(block);
        u8* to = planes + d.at(y, x) + b;
        for (int k = 0; k < count; ++k, block >>= 8) to[k * plane_bytes] = static_cast<u8>(block);
      }
    }
  }
}

namespace {

// Calls store(channel, pixel, code); each byte of the planes is read once.
template <class F>
void for_each_code(const PlaneLayout& d, const u8* planes, F&& store) {
  const int count = d.code.planes();
  const i64 plane_bytes = d.plane_bytes(), bytes = d.pixel_bytes();
  for (i64 y = 0; y < d.height; ++y) {
    for (i64 x = 0; x < d.width; ++x) {
      const u8* pixel = planes + d.at(y, x);
      for (i64 b = 0; b < bytes; ++b) {
        std::array<int, 8> code;
        code.fill(d.code.lo);
        for (int k = 0; k < count; ++k) {
          const int byte = pixel[k * plane_bytes + b], weight = d.code.weight(k);
          for (int bit = 0; bit < 8; ++bit) code[static_cast<std::size_t>(bit)] += (byte >> bit & 1) * weight;
        }
        const i64 end = std::min<i64>(8, d.channels - 8 * b);
        for (i64 bit = 0; bit < end; ++bit) store(8 * b + bit, y * d.width + x, code[static_cast<std::size_t>(bit)]);
      }
    }
  }
}

}  // namespace

void unpack(const PlaneLayout& d, const u8* planes, std::int8_t* codes) {
  const i64 pixels = d.height * d.width;
  for_each_code(d, planes, [=](i64 c, i64 i, int code) { codes[c * pixels + i] = static_cast<std::int8_t>(code); });
}

void unpack(const PlaneLayout& d, const u8* planes, float step, float* values) {
  const i64 pixels = d.height * d.width;
  std::array<float, 256> value{};
  for (int code = d.code.lo; code <= d.code.hi; ++code)
    value[static_cast<std::size_t>(code - d.code.lo)] = exact::dequantize(code, step);
  const int lo = d.code.lo;
  for_each_code(d, planes,
                [&](i64 c, i64 i, int code) { values[c * pixels + i] = value[static_cast<std::size_t>(code - lo)]; });
}

}  // namespace tern::kernels::kpacked
