#include "kernels/packed/codec/codec.hpp"

#include <algorithm>
#include <bit>

namespace tern::kernels::codec {
namespace {

std::int32_t popcount(Word w) { return std::popcount(w); }

template <class F>
std::int32_t sum_words(std::size_t n, F&& f) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += popcount(f(i));
  return sum;
}

}  // namespace

std::vector<Word> pack(std::span<const std::int8_t> values) {
  std::vector<Word> words(static_cast<std::size_t>(words_for(static_cast<std::int64_t>(values.size()))), kZeros);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto shift = 2 * (i % kLanes);
    const Word code = values[i] < 0 ? 0 : (values[i] > 0 ? 3 : 1);
    Word& w = words[i / kLanes];
    w = (w & ~(Word{3} << shift)) | (code << shift);
  }
  return words;
}

std::vector<std::int8_t> unpack(std::span<const Word> words, std::int64_t n) {
  std::vector<std::int8_t> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<std::int8_t>(popcount((words[i / kLanes] >> (2 * (i % kLanes))) & 3) - 1);
  }
  return values;
}

Word multiply(Word x, Word y) {
  const Word agree = ~(x ^ y);
  const Word swapped = ((y >> 1) & kZeros) | ((y << 1) & ~kZeros);
  const Word mask = swapped ^ y;  // 11 in lanes where y is 0, whose two bits differ; else 00
  return (mask & kZeros) | (~mask & agree);
}

Word keep_mask(Word y) {
  const Word zero = (y ^ (y >> 1)) & kZeros;
  return ~(zero | (zero << 1));
}

std::int32_t dot(std::span<const Word> x, std::span<const Word> y) {
  return sum_words(x.size(), [&](std::size_t i) { return multiply(x[i], y[i]); }) -
         static_cast<std::int32_t>(x.size()) * kLanes;
}

Filter make_filter(std::span<const std::int8_t> values) {
  Filter f;
  f.y = pack(values);
  for (const Word y : f.y) f.keep.push_back(keep_mask(y));
  f.plus = static_cast<std::int32_t>(std::count(values.begin(), values.end(), std::int8_t{1}));
  f.minus = static_cast<std::int32_t>(std::count(values.begin(), values.end(), std::int8_t{-1}));
  f.nonzero = f.plus + f.minus;
  return f;
}

std::int32_t dot_derive(std::span<const Word> x, const Filter& f) {
  return sum_words(x.size(), [&](std::size_t i) { return ~(x[i] ^ f.y[i]) & keep_mask(f.y[i]); }) - f.nonzero;
}

std::int32_t dot_preload(std::span<const Word> x, const Filter& f) {
  return sum_words(x.size(), [&](std::size_t i) { return ~(x[i] ^ f.y[i]) & f.keep[i]; }) - f.nonzero;
}

// sum w * value = sum w * (value - 1) + sum w = (popcount - nonzero) + (plus - minus) = popcount - 2 * minus.
std::int32_t dot_unsigned(std::span<const Word> x, const Filter& f) {
  return sum_words(x.size(), [&](std::size_t i) { return ~(x[i] ^ f.y[i]) & f.keep[i]; }) - 2 * f.minus;
}

std::int32_t dot_magnitude(std::span<const Word> x, const Filter& f) {
  return sum_words(x.size(), [&](std::size_t i) { return x[i] & f.keep[i]; }) - f.nonzero;
}

std::vector<Word> pack_binary(std::span<const std::int8_t> values) {
  std::vector<Word> words((values.size() + 63) / 64, ~Word{0});
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0) words[i / 64] &= ~(Word{1} << (i % 64));
  }
  return words;
}

std::int32_t dot_binary(std::span<const Word> x, std::span<const Word> y, std::int64_t n) {
  const auto pad = static_cast<std::int32_t>(static_cast<std::int64_t>(x.size()) * 64 - n);
  const std::int32_t agree = sum_words(x.size(), [&](std::size_t i) { return ~(x[i] ^ y[i]); });
  return 2 * (agree - pad) - static_cast<std::int32_t>(n);
}

TwoBit pack_two_bit(std::span<const std::int8_t> codes) {
  TwoBit out{std::vector<Word>((codes.size() + 63) / 64), std::vector<Word>((codes.size() + 63) / 64)};
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const auto code = static_cast<Word>(codes[i]);
    out.low[i / 64] |= (code & 1) << (i % 64);
    out.high[i / 64] |= (code >> 1 & 1) << (i % 64);
  }
  return out;
}

std::int32_t dot_two_bit_unsigned(const TwoBit& x, const TwoBit& y) {
  const auto both = [](const std::vector<Word>& a, const std::vector<Word>& b) {
    return sum_words(a.size(), [&](std::size_t i) { return a[i] & b[i]; });
  };
  return both(x.low, y.low) + 2 * (both(x.low, y.high) + both(x.high, y.low)) + 4 * both(x.high, y.high);
}

// 2x - 3 = (2 x0 - 1) + 2 (2 x1 - 1): each plane is a vector of -1 and +1, so each product is a binary one. Pad lanes
// are 0 in both operands and agree, which dot_binary() takes off again.
std::int32_t dot_two_bit_bipolar(const TwoBit& x, const TwoBit& y, std::int64_t n) {
  return dot_binary(x.low, y.low, n) + 2 * (dot_binary(x.low, y.high, n) + dot_binary(x.high, y.low, n)) +
         4 * dot_binary(x.high, y.high, n);
}

std::vector<Word> pack_image(std::int64_t channels, std::int64_t height, std::int64_t width,
                             std::span<const std::int8_t> values) {
  const std::int64_t pixels = height * width, words = words_for(channels);
  std::vector<Word> image;
  image.reserve(static_cast<std::size_t>(pixels * words));
  std::vector<std::int8_t> pixel(static_cast<std::size_t>(channels));
  for (std::int64_t i = 0; i < pixels; ++i) {
    for (std::int64_t c = 0; c < channels; ++c) {
      pixel[static_cast<std::size_t>(c)] = values[static_cast<std::size_t>(c * pixels + i)];
    }
    const std::vector<Word> packed = pack(pixel);
    image.insert(image.end(), packed.begin(), packed.end());
  }
  return image;
}

void im2col_row(const ConvShape& d, std::span<const Word> image, std::int64_t p, std::int64_t q, std::span<Word> row) {
  const std::int64_t words = words_for(d.channels);
  auto to = row.begin();
  for (std::int64_t r = 0; r < d.kernel_h; ++r) {
    for (std::int64_t s = 0; s < d.kernel_w; ++s, to += words) {
      const std::int64_t y = p * d.stride_h - d.pad_h + r * d.dilation_h;
      const std::int64_t x = q * d.stride_w - d.pad_w + s * d.dilation_w;
      if (y < 0 || y >= d.height || x < 0 || x >= d.width) {
        std::fill_n(to, words, kZeros);
      } else {
        std::copy_n(image.begin() + (y * d.width + x) * words, words, to);
      }
    }
  }
}

void conv(const ConvShape& d, std::span<const std::int8_t> x, std::span<const std::int8_t> w,
          std::span<std::int32_t> acc) {
  const std::int64_t taps = d.kernel_h * d.kernel_w, words = words_for(d.channels);
  const std::vector<Word> image = pack_image(d.channels, d.height, d.width, x);
  std::vector<Filter> filters;
  for (std::int64_t o = 0; o < d.outputs; ++o) {
    // [c][r][s] to [r][s][c], each tap filled up with zeros to whole words.
    std::vector<std::int8_t> values(static_cast<std::size_t>(taps * words * kLanes), 0);
    for (std::int64_t c = 0; c < d.channels; ++c) {
      for (std::int64_t t = 0; t < taps; ++t) {
        values[static_cast<std::size_t>(t * words * kLanes + c)] =
            w[static_cast<std::size_t>((o * d.channels + c) * taps + t)];
      }
    }
    filters.push_back(make_filter(values));
  }
  std::vector<Word> row(static_cast<std::size_t>(taps * words));
  const std::int64_t rows = d.out_height(), cols = d.out_width();
  for (std::int64_t p = 0; p < rows; ++p) {
    for (std::int64_t q = 0; q < cols; ++q) {
      im2col_row(d, image, p, q, row);
      for (std::int64_t o = 0; o < d.outputs; ++o) {
        acc[static_cast<std::size_t>((o * rows + p) * cols + q)] =
            dot_preload(row, filters[static_cast<std::size_t>(o)]);
      }
    }
  }
}

}  // namespace tern::kernels::codec
