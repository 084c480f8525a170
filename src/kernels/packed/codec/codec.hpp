// The two-bit ternary code and its inner products, word by word. This is the textbook form of the K-packed kernels: one
// word of 32 values at a time, nothing interleaved.
//
// Paper: Chen et al., "FATNN: Fast and Accurate Ternary Neural Networks", 2021, section 3.3.
// Differs: the mask of the folded form leaves out zero weights altogether, so the correction is the count of nonzero
// weights instead of the length.
//
//   value   -1   0   0  +1
//   code    00  01  10  11      bits 2i+1 : 2i of a word hold element i; the packer writes 01 for zero
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/conv_shape.hpp"

namespace tern::kernels::codec {

using Word = std::uint64_t;
inline constexpr int kLanes = 32;                    ///< values a word
inline constexpr Word kZeros = 0x5555555555555555u;  ///< 32 values 0, the "auxiliary" vector

inline std::int64_t words_for(std::int64_t n) { return (n + kLanes - 1) / kLanes; }

/// Values -1, 0, +1 to words; lanes past the end hold 0.
std::vector<Word> pack(std::span<const std::int8_t> values);
/// Both codes of zero are accepted.
std::vector<std::int8_t> unpack(std::span<const Word> words, std::int64_t n);

/// Element-wise product, as codes.
Word multiply(Word x, Word y);
/// 1 bits in both positions of the lanes where y is not zero.
Word keep_mask(Word y);

/// Sum of products by multiply(): popcount - number of lanes.
std::int32_t dot(std::span<const Word> x, std::span<const Word> y);

/// A filter made ready for the folded form.
struct Filter {
  std::vector<Word> y, keep;
  std::int32_t nonzero = 0;
  std::int32_t plus = 0, minus = 0;  ///< how many +1 and -1
};
Filter make_filter(std::span<const std::int8_t> values);

/// Folded, keep derived from y in the loop (variant D) or loaded (variant P): sum popcount(~(x ^ y) & keep) - nonzero.
std::int32_t dot_derive(std::span<const Word> x, const Filter& f);
std::int32_t dot_preload(std::span<const Word> x, const Filter& f);
/// x holds value - 1 of values {0, 1, 2}: sum popcount(~(x ^ y) & keep) - 2 * minus.
std::int32_t dot_unsigned(std::span<const Word> x, const Filter& f);
/// With |y| in place of y: sum popcount(x & keep) - nonzero. For weights with two scales:
/// scale_pos * P - scale_neg * M with P = (dot + dot_magnitude) / 2, M = (dot_magnitude - dot) / 2.
std::int32_t dot_magnitude(std::span<const Word> x, const Filter& f);

/// Binary values -1, +1, one bit each (1 = +1), 64 a word; pad lanes are 1 in both. n: number of values.
std::vector<Word> pack_binary(std::span<const std::int8_t> values);
std::int32_t dot_binary(std::span<const Word> x, std::span<const Word> y, std::int64_t n);
/// Two-bit codes 0 .. 3 as two bit planes, low plane first.
struct TwoBit {
  std::vector<Word> low, high;
};
TwoBit pack_two_bit(std::span<const std::int8_t> codes);
/// sum x * y of the codes themselves.
std::int32_t dot_two_bit_unsigned(const TwoBit& x, const TwoBit& y);
/// sum of (2 x - 3) * (2 y - 3).
std::int32_t dot_two_bit_bipolar(const TwoBit& x, const TwoBit& y, std::int64_t n);

/// Activations in the packed layout: [height][width][ceil(channels/32)] words, lanes past the last channel 0.
std::vector<Word> pack_image(std::int64_t channels, std::int64_t height, std::int64_t width,
                             std::span<const std::int8_t> values);
/// Row of the packed column matrix for output pixel (p, q): kernel_h * kernel_w * words of a pixel, word copies only;
/// taps outside the image are 32 zeros.
void im2col_row(const ConvShape& shape, std::span<const Word> image, std::int64_t p, std::int64_t q,
                std::span<Word> row);
/// Convolution on {-1, 0, 1} x {-1, 0, 1}, groups == 1: packs, gathers, multiplies. acc: [outputs][rows][cols].
void conv(const ConvShape& shape, std::span<const std::int8_t> x, std::span<const std::int8_t> w,
          std::span<std::int32_t> acc);

}  // namespace tern::kernels::codec
