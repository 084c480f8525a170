#include "kernels/packed/bitsliced/layout.hpp"

#include <algorithm>
#include <array>

#include "kernels/exact.hpp"
#include "kernels/packed/planes/words.hpp"

namespace tern::kernels::bitsliced {
void put_bits(u8* stream, i64 at, i64 n, u64 bits) {
  for (i64 done = 0; done < n;) {
    u8& byte = stream[(at + done) >> 3];
    const int shift = static_cast<int>((at + done) & 7);
    const i64 count = std::min<i64>(8 - shift, n - done);
    const auto mask = static_cast<unsigned>(low_mask(count)) << shift;
    byte = static_cast<u8>((byte & ~mask) | (static_cast<unsigned>(bits >> done) << shift & mask));
    done += count;
  }
}

void clear(const SlicedLayout& d, u8* planes) {
  for (i64 i = 0; i < d.planes(); ++i) {
    std::fill_n(planes + i * d.plane_bytes(), d.plane_bytes(),
                d.border_bit(static_cast<int>(i % d.code.planes())) ? u8{0xff} : u8{0});
  }
}

void pack(const SlicedLayout& d, const std::int8_t* codes, u8* planes) {
  const int count = d.code.planes();
  for (i64 c = 0; c < d.channels; ++c) {
    u8* stream = planes + c * count * d.plane_bytes() + d.front_bytes();
    for (i64 y = 0; y < d.height; ++y) {
      for (i64 x = 0; x < d.width; x += 64) {
        const i64 n = std::min<i64>(64, d.width - x);
        u8 bits[64];
        for (i64 j = 0; j < n; ++j) bits[j] = d.code.bits(*codes++);
        u64 words[8];
        kernels::planes::channel_words(bits, 1, n, words);
        for (int k = 0; k < count; ++k)
          kernels::planes::put_word(stream + k * d.plane_bytes(), d.bit(y, x), n, words[k]);
      }
    }
  }
}

namespace {

// Calls store(index, code) for every code, a word of positions after the other.
template <class F>
void for_each_code(const SlicedLayout& d, const u8* planes, F&& store) {
  const int count = d.code.planes();
  i64 index = 0;
  for (i64 c = 0; c < d.channels; ++c, planes += count * d.plane_bytes()) {
    for (i64 y = 0; y < d.height; ++y) {
      for (i64 x = 0; x < d.width; x += 64) {
        const i64 n = std::min<i64>(64, d.width - x);
        std::array<u64, 8> words{};
        for (int k = 0; k < count; ++k) {
          words[static_cast<std::size_t>(k)] = get_bits(planes + k * d.plane_bytes() + d.front_bytes(), d.bit(y, x), n);
        }
        for (i64 j = 0; j < n; ++j) {
          int code = d.code.lo;
          for (int k = 0; k < count; ++k)
            code += static_cast<int>(words[static_cast<std::size_t>(k)] >> j & 1) * d.code.weight(k);
          store(index++, code);
        }
      }
    }
  }
}

}  // namespace

void unpack(const SlicedLayout& d, const u8* planes, std::int8_t* codes) {
  for_each_code(d, planes, [=](i64 i, int code) { codes[i] = static_cast<std::int8_t>(code); });
}

void unpack(const SlicedLayout& d, const u8* planes, float step, float* values) {
  std::array<float, 256> value{};
  for (int code = d.code.lo; code <= d.code.hi; ++code)
    value[static_cast<std::size_t>(code - d.code.lo)] = exact::dequantize(code, step);
  for_each_code(d, planes, [&](i64 i, int code) { values[i] = value[static_cast<std::size_t>(code - d.code.lo)]; });
}

}  // namespace tern::kernels::bitsliced
