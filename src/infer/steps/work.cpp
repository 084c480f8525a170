#include "infer/steps/work.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "kernels/packed/bitsliced/conv.hpp"

namespace tern::infer {
namespace {

using kernels::ConvShape;

i64 up(i64 a, i64 b) { return (a + b - 1) / b; }
double product(std::initializer_list<i64> factors) {
  double p = 1;
  for (const i64 f : factors) p *= static_cast<double>(f);
  return p;
}

i64 largest_digits(std::span<const std::int8_t> weights) {
  int largest = 1;
  for (const std::int8_t w : weights) largest = std::max(largest, std::abs(static_cast<int>(w)));
  return std::bit_width(static_cast<unsigned>(largest));
}

}  // namespace

std::pair<const char*, const char*> describe(WorkKind kind) {
  static constexpr std::pair<const char*, const char*> kRows[] = {
#define TERN_WORK(kind, unit, ...) {#kind, unit},
#include "infer/steps/work.def"
#undef TERN_WORK
  };
  return kRows[static_cast<std::size_t>(kind)];
}

WorkList kpacked_conv_work(const ConvShape& d, std::span<const std::int8_t> weights,
                           const kernels::kpacked::PlaneCode& in) {
  const i64 pixel = up(d.channels / d.groups, 8), pixels = d.out_height() * d.out_width();
  const i64 blocks = d.groups * up(d.outputs / d.groups, 8);
  i64 words = d.kernel_h * d.kernel_w * up(pixel, 8);
  if (d.groups == 1 && d.dilation_w == 1) {
    words = d.kernel_h * up(d.kernel_w * pixel, 8);
    if (d.kernel_w == d.width + 2 * d.pad_w) words = up(d.kernel_h * d.kernel_w * pixel, 8);
  }
  return {{WorkKind::kKpackedWord, product({pixels, blocks, words, in.planes(), largest_digits(weights)})},
          {WorkKind::kKpackedPixel, product({pixels, blocks})}};
}

WorkList sliced_conv_work(const ConvShape& d, std::span<const std::int8_t> weights,
                          const kernels::kpacked::PlaneCode& in, const kernels::bitsliced::SlicedLayout& out,
                          bool moved, Isa isa) {
  namespace bitsliced = kernels::bitsliced;
  const bitsliced::Micro& micro = bitsliced::Conv::fitting(bitsliced::micro_for(isa), out);
  const i64 planes = in.planes();
  const double tiles =
      static_cast<double>(up(out.stream_bits(), 8 * micro.vector_bytes)) / static_cast<double>(out.images);
  WorkList work = {{WorkKind::kSlicedAdder, tiles * bitsliced::Conv::plan(d, weights, in, micro).adders},
                   {WorkKind::kSlicedOutput, tiles * product({d.outputs})},
                   {WorkKind::kSlicedPanel, tiles * product({d.channels, d.kernel_h, d.kernel_w, planes})}};
  if (moved) {
    const i64 phases = std::min(d.stride_h, d.kernel_h) * std::min(d.stride_w, d.kernel_w);
    work.push_back({WorkKind::kSlicedMove, product({phases, d.channels, planes, d.out_height(), d.out_width()})});
  }
  return work;
}

WorkList kpacked_pool_work(const ValueType& in, const ValueType& out, const kernels::PoolShape& shape) {
  const kernels::kpacked::PlaneCode code{in.lo, in.hi};
  return {{WorkKind::kKpackedPool,
           product({out.pixels(), shape.kernel, shape.kernel, up(in.channels(), 8), code.planes()})}};
}

WorkList sliced_pool_work(const ValueType& out, const kernels::PoolShape& shape) {
  const kernels::kpacked::PlaneCode code{out.lo, out.hi};
  const i64 words = up(out.width() * shape.stride, 64);
  return {{WorkKind::kSlicedPool,
           product({out.channels(), code.planes(), out.height(), words, shape.kernel, shape.kernel})}};
}

WorkList kpacked_gate_work(const ValueType& image) {
  return {{WorkKind::kKpackedGate, product({image.pixels(), up(image.channels(), 8)})}};
}
WorkList sliced_gate_work(const ValueType& image) {
  return {{WorkKind::kSlicedGate, product({image.channels(), image.height(), up(image.width(), 64)})}};
}

WorkList kpacked_channel_work(const ValueType& image, i64 pieces) {
  const kernels::kpacked::PlaneCode code{image.lo, image.hi};
  return {{WorkKind::kKpackedPiece, product({image.pixels(), code.planes(), pieces})}};
}
WorkList sliced_channel_work(const ValueType& image) {
  const kernels::kpacked::PlaneCode code{image.lo, image.hi};
  return {{WorkKind::kSlicedGate, product({image.channels(), code.planes(), image.height(), up(image.width(), 64)})}};
}

WorkList turn_work(const ValueType& type) {
  const kernels::kpacked::PlaneCode code{type.lo, type.hi};
  return {{WorkKind::kTurn, product({up(type.channels(), 8), code.planes(), type.height(), up(type.width(), 8)})}};
}

WorkList row_pack_work(const ValueType& codes) {
  const kernels::kpacked::PlaneCode code{codes.lo, codes.hi};
  return {{WorkKind::kRowPack, product({codes.channels(), code.planes(), codes.height(), up(codes.width(), 64)})}};
}

Work floats_work(const ValueType& value, std::size_t times, bool by_rows) {
  return {by_rows ? WorkKind::kRowFloat : WorkKind::kFloat,
          static_cast<double>(value.numel()) * static_cast<double>(times)};
}
WorkList sums_work(const ValueType& sums) { return {{WorkKind::kSlicedSum, static_cast<double>(sums.numel())}}; }

}  // namespace tern::infer
