// Convolution of ternary codes by ternary weights on words of interleaved two-bit codes: FATNN's own layout, with the
// vector loops of the K-packed family. It is there to be measured against the separate planes that sessions use
// (docs/kernels.md).
//
// Paper: Chen et al., "FATNN: Fast and Accurate Ternary Neural Networks", 2021, section 3.3.
// Differs: as codec.hpp, and 8 output channels stand in the lanes of a vector.
//
//   acc = sum over words of popcount(~(x ^ y) & keep) - number of nonzero weights       (the folded form of codec.hpp)
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/aligned.hpp"
#include "kernels/conv_shape.hpp"
#include "kernels/packed/codec/codec.hpp"
#include "kernels/packed/kpacked/micro.hpp"

namespace tern::kernels::codec {

/// Codes of an image, [height + 2 pad_h][width + 2 pad_w][words]; the border and the lanes past the last channel hold
/// 0.
struct ImageLayout {
  std::int64_t channels = 1, height = 1, width = 1, pad_h = 0, pad_w = 0;

  std::int64_t words() const { return words_for(channels); }
  std::int64_t total_words() const { return (height + 2 * pad_h) * (width + 2 * pad_w) * words(); }
  /// Word of pixel (y, x), which may lie in the border.
  std::int64_t at(std::int64_t y, std::int64_t x) const {
    return ((y + pad_h) * (width + 2 * pad_w) + x + pad_w) * words();
  }
};
/// Values [C][H][W] in -1 .. 1 to words and back. The first fills the border as well.
void pack(const ImageLayout& layout, std::span<const std::int8_t> values, std::span<Word> image);
void unpack(const ImageLayout& layout, std::span<const Word> image, std::span<std::int8_t> values);

class Conv {
 public:
  enum class Keep {
    kDerive,   ///< variant D: half the weights' memory, five operations more for each word of weights
    kPreload,  ///< variant P
  };
  /// Ternary codes of one group, 8 k outputs; `input` has a border of at least the padding.
  static bool supports(const ConvShape& shape) { return shape.groups == 1 && shape.outputs % kpacked::kBlock == 0; }
  /// `w`: codes [outputs][channels][kernel_h][kernel_w]. `thresholds`: [outputs][2], ascending: the results' codes are
  /// -1 + how many of them acc reaches.
  Conv(const ConvShape& shape, const ImageLayout& input, const ImageLayout& output, std::span<const std::int8_t> w,
       std::span<const std::int32_t> thresholds, Keep keep);

  /// The whole layer, words in, words out; something has been packed into `out` before, so that its border is there.
  void run(const kpacked::Micro& micro, std::span<const Word> image, std::span<Word> out) const;
  std::int64_t weight_bytes() const { return static_cast<std::int64_t>(weights_.size() * sizeof(Word)); }

 private:
  ConvShape shape_;
  Keep keep_;
  std::int64_t blocks_;
  std::vector<std::int32_t> pixels_;      // byte of each output pixel's first tap
  std::vector<std::int32_t> offsets_;     // bytes, from the first tap
  std::vector<std::int32_t> out_pixels_;  // byte of each output pixel
  AlignedVector<Word> weights_;           // [block][word][y, keep][8], without keep if it is derived
  std::vector<std::int32_t> correction_;  // [block][8]
  std::vector<std::int32_t> thresholds_;  // [block][2][8]
};

}  // namespace tern::kernels::codec
