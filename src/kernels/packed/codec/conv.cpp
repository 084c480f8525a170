#include "kernels/packed/codec/conv.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace tern::kernels::codec {
namespace {

constexpr std::int64_t kBlock = kpacked::kBlock;

// Bit i of a byte at bit 2i.
constexpr std::array<std::uint16_t, 256> make_spread() {
  std::array<std::uint16_t, 256> out{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned wide = 0;
    for (unsigned i = 0; i < 8; ++i) wide |= (byte >> i & 1u) << (2 * i);
    out[byte] = static_cast<std::uint16_t>(wide);
  }
  return out;
}
constexpr std::array<std::uint16_t, 256> kSpread = make_spread();

}  // namespace

void pack(const ImageLayout& d, std::span<const std::int8_t> values, std::span<Word> image) {
  std::fill(image.begin(), image.end(), kZeros);
  const std::int64_t pixels = d.height * d.width;
  for (std::int64_t c = 0; c < d.channels; ++c) {
    const auto shift = static_cast<int>(2 * (c % kLanes));
    for (std::int64_t i = 0; i < pixels; ++i) {
      const std::int8_t v = values[static_cast<std::size_t>(c * pixels + i)];
      Word& word = image[static_cast<std::size_t>(d.at(i / d.width, i % d.width) + c / kLanes)];
      // 01 is there; -1 clears its bit, +1 sets the one above.
      word ^= static_cast<Word>(v < 0 ? 1 : v > 0 ? 2 : 0) << shift;
    }
  }
}

void unpack(const ImageLayout& d, std::span<const Word> image, std::span<std::int8_t> values) {
  const std::int64_t pixels = d.height * d.width;
  for (std::int64_t c = 0; c < d.channels; ++c) {
    for (std::int64_t i = 0; i < pixels; ++i) {
      const Word word = image[static_cast<std::size_t>(d.at(i / d.width, i % d.width) + c / kLanes)];
      values[static_cast<std::size_t>(c * pixels + i)] =
          codec::unpack({&word, 1}, kLanes)[static_cast<std::size_t>(c % kLanes)];
    }
  }
}

Conv::Conv(const ConvShape& shape, const ImageLayout& input, const ImageLayout& output, std::span<const std::int8_t> w,
           std::span<const std::int32_t> thresholds, Keep keep)
    : shape_(shape), keep_(keep), blocks_(shape.outputs / kBlock) {
  const auto bytes = [](std::int64_t words) {
    return static_cast<std::int32_t>(words * static_cast<std::int64_t>(sizeof(Word)));
  };
  for (std::int64_t p = 0; p < shape.out_height(); ++p) {
    for (std::int64_t q = 0; q < shape.out_width(); ++q) {
      pixels_.push_back(bytes(input.at(p * shape.stride_h - shape.pad_h, q * shape.stride_w - shape.pad_w)));
      out_pixels_.push_back(bytes(output.at(p, q)));
    }
  }
  const std::int64_t words = input.words(), taps = shape.kernel_h * shape.kernel_w, chunks = taps * words;
  for (std::int64_t r = 0; r < shape.kernel_h; ++r) {
    for (std::int64_t s = 0; s < shape.kernel_w; ++s) {
      const std::int64_t tap = input.at(r * shape.dilation_h, s * shape.dilation_w) - input.at(0, 0);
      for (std::int64_t i = 0; i < words; ++i) offsets_.push_back(bytes(tap + i));
    }
  }
  const std::int64_t parts = keep == Keep::kPreload ? 2 : 1;
  weights_.resize(static_cast<std::size_t>(blocks_ * chunks * parts * kBlock));
  std::vector<std::int8_t> values(static_cast<std::size_t>(words * kLanes), 0);
  for (std::int64_t o = 0; o < shape.outputs; ++o) {
    std::int32_t nonzero = 0;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      for (std::int64_t c = 0; c < shape.channels; ++c) {
        values[static_cast<std::size_t>(c)] = w[static_cast<std::size_t>((o * shape.channels + c) * taps + tap)];
      }
      const Filter f = make_filter(values);
      nonzero += f.nonzero;
      for (std::int64_t i = 0; i < words; ++i) {
        Word* to = weights_.data() + ((o / kBlock * chunks + tap * words + i) * parts) * kBlock + o % kBlock;
        to[0] = f.y[static_cast<std::size_t>(i)];
        if (keep == Keep::kPreload) to[kBlock] = f.keep[static_cast<std::size_t>(i)];
      }
    }
    correction_.push_back(-nonzero);
  }
  for (std::int64_t b = 0; b < blocks_; ++b) {
    for (std::int64_t j = 0; j < 2; ++j) {
      for (std::int64_t lane = 0; lane < kBlock; ++lane)
        thresholds_.push_back(thresholds[static_cast<std::size_t>((b * kBlock + lane) * 2 + j)]);
    }
  }
}

void Conv::run(const kpacked::Micro& micro, std::span<const Word> image, std::span<Word> out) const {
  constexpr std::int64_t kRun = 64;
  alignas(64) std::array<std::int32_t, kRun * kBlock> acc;
  std::array<std::uint8_t, 2 * kRun> masks;
  std::array<std::int32_t, kRun> dense;
  for (std::size_t i = 0; i < dense.size(); ++i) dense[i] = static_cast<std::int32_t>(i);
  kpacked::Task task{};
  task.x = reinterpret_cast<const std::uint8_t*>(image.data());
  task.offsets = offsets_.data();
  task.chunks = static_cast<std::int64_t>(offsets_.size());
  task.digits = task.planes = 1;
  task.thermometer = true;
  const auto pixels = static_cast<std::int64_t>(pixels_.size());
  const std::int64_t block_words = task.chunks * kBlock * (keep_ == Keep::kPreload ? 2 : 1);
  for (std::int64_t b = 0; b < blocks_; ++b) {
    task.weights = weights_.data() + b * block_words;
    task.correction = correction_.data() + b * kBlock;
    auto* to = reinterpret_cast<std::uint8_t*>(out.data()) + 2 * b;  // 8 channels are 2 bytes of a pixel's words
    for (std::int64_t first = 0; first < pixels; first += kRun) {
      const std::int64_t n = std::min(kRun, pixels - first);
      task.pixels = pixels_.data() + first;
      (keep_ == Keep::kPreload ? micro.accumulate : micro.accumulate_derived)(task, n, acc.data());
      micro.threshold(acc.data(), n, thresholds_.data() + b * 2 * kBlock, 2, masks.data(), dense.data(), kRun);
      for (std::int64_t i = 0; i < n; ++i) {
        // Bit 0 of a code: the first threshold is reached; bit 1: the second one as well.
        const auto lane = static_cast<std::size_t>(i);
        const auto codes = static_cast<std::uint16_t>(kSpread[masks[lane]] | kSpread[masks[lane + kRun]] << 1);
        std::memcpy(to + out_pixels_[static_cast<std::size_t>(first + i)], &codes, 2);
      }
    }
  }
}

}  // namespace tern::kernels::codec
