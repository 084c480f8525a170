// The public functions: prepare once, then spread images (or the rows of a single one) over the threads.
#include "kernels/packed/ordered.hpp"

#include <algorithm>
#include <array>

#include "kernels/packed/ordered/packing.hpp"
#include "kernels/packed/ordered/tile.hpp"
#include "tern/parallel.hpp"

namespace tern::kernels {
namespace {

using ordered::kLanes;

// Writes out[pixel][16] as planes y[lane][pixel].
void store_planes(const float* out, std::int64_t pixels, std::int64_t lanes, const float* bias, float* y,
                  std::int64_t plane) {
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    for (std::int64_t i = 0; i < pixels; ++i) {
      const float sum = out[i * kLanes + lane];
      y[lane * plane + i] = bias ? sum + bias[lane] : sum;
    }
  }
}

}  // namespace

void ordered_conv2d(const ConvShape& shape, const float* x, const float* w, const float* bias, float* y) {
  const ordered::Prepared conv(shape, w);
  const Isa isa = active_isa();
  const std::int64_t rows = shape.out_height(), cols = shape.out_width();
  const auto size = static_cast<std::size_t>(conv.padded_size());
  parallel_for(shape.batch, [&](std::int64_t n) {
    AlignedVector<float> padded(size), out(static_cast<std::size_t>(cols * kLanes));
    conv.pad(x + n * shape.channels * shape.height * shape.width, padded.data());
    for (std::int64_t b = 0; b < conv.blocks(); ++b) {
      const ordered::Prepared::Block at = conv.block(b);
      float* to = y + (n * shape.outputs + at.first_output) * rows * cols;
      for (std::int64_t p = 0; p < rows; ++p) {
        conv.row(isa, padded.data(), b, p, 0, cols, out.data());
        store_planes(out.data(), cols, at.outputs, bias ? bias + at.first_output : nullptr, to + p * cols, rows * cols);
      }
    }
  });
}

void ordered_linear(std::int64_t batch, std::int64_t in, std::int64_t out, const float* x, const float* w,
                    const float* bias, float* y) {
  // A 1x1 convolution whose "pixels" are the samples: offsets 0 .. in-1, step in.
  const ordered::Tile& tile = ordered::tile_for(active_isa());
  const std::int64_t blocks = (out + kLanes - 1) / kLanes;
  AlignedVector<float> packed(static_cast<std::size_t>(blocks * in * kLanes), 0.0f);
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t k = 0; k < in; ++k) {
      packed[static_cast<std::size_t>((o / kLanes * in + k) * kLanes + o % kLanes)] = w[o * in + k];
    }
  }
  std::vector<std::int32_t> offsets(static_cast<std::size_t>(in));
  for (std::int64_t k = 0; k < in; ++k) offsets[static_cast<std::size_t>(k)] = static_cast<std::int32_t>(k);
  constexpr std::int64_t kSamples = 64;
  parallel_ranges(batch, kSamples, [&](std::int64_t begin, std::int64_t end) {
    alignas(64) std::array<float, kSamples * kLanes> sums;
    for (std::int64_t b = 0; b < blocks; ++b) {
      tile.run(x + begin * in, in, offsets.data(), in, packed.data() + b * in * kLanes, end - begin, sums.data());
      const std::int64_t first = b * kLanes, lanes = std::min<std::int64_t>(kLanes, out - first);
      for (std::int64_t i = begin; i < end; ++i) {
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          const float sum = sums[static_cast<std::size_t>((i - begin) * kLanes + lane)];
          y[i * out + first + lane] = bias ? sum + bias[first + lane] : sum;
        }
      }
    }
  });
}

float ordered_sum(const float* x, std::int64_t n) {
  float sum = 0.0f;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i];
  return sum;
}

}  // namespace tern::kernels
