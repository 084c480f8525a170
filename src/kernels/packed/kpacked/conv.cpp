#include "kernels/packed/kpacked/conv.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

namespace tern::kernels::kpacked {

// A run of contiguous bytes under the kernel: tap (r, s) and the ones after it, `bytes` in all.
struct Conv::Segment {
  i64 offset, bytes;
  i64 tap;  // r * kernel_w + s of the first byte
};

bool Conv::supports(const ConvShape& d, const PlaneCode& input) {
  const bool border = d.pad_h > 0 || d.pad_w > 0;
  const bool whole_bytes = d.groups == 1 || (d.channels / d.groups % 8 == 0 && d.outputs / d.groups % 8 == 0);
  return whole_bytes && (!border || input.has_border()) && input.planes() <= 8;
}

std::vector<Conv::Segment> Conv::segments() const {
  const i64 pixel = shape_.groups == 1 ? input_.pixel_bytes() : shape_.channels / shape_.groups / 8;
  const bool joined = shape_.groups == 1 && shape_.dilation_w == 1;
  const i64 row = shape_.dilation_h * input_.row_bytes(), tap = shape_.dilation_w * input_.pixel_bytes();
  if (joined && shape_.kernel_w * pixel == row) return {{0, shape_.kernel_h * row, 0}};  // kernel as wide as the image
  std::vector<Segment> out;
  for (i64 r = 0; r < shape_.kernel_h; ++r) {
    if (joined) {
      out.push_back({r * row, shape_.kernel_w * pixel, r * shape_.kernel_w});
    } else {
      for (i64 s = 0; s < shape_.kernel_w; ++s) out.push_back({r * row + s * tap, pixel, r * shape_.kernel_w + s});
    }
  }
  return out;
}

Conv::Conv(const ConvShape& shape, const PlaneLayout& input, const std::int8_t* w)
    : shape_(shape),
      input_(input),
      blocks_per_group_((shape.outputs / shape.groups + kBlock - 1) / kBlock),
      blocks_(shape.groups * blocks_per_group_) {
  const i64 channels = shape.channels / shape.groups, taps = shape.kernel_h * shape.kernel_w, k = channels * taps;
  const i64 pixel = (channels + 7) / 8;
  for (i64 p = 0; p < shape.out_height(); ++p) {
    for (i64 q = 0; q < shape.out_width(); ++q) {
      pixels_.push_back(
          static_cast<std::int32_t>(input.at(p * shape.stride_h - shape.pad_h, q * shape.stride_w - shape.pad_w)));
    }
  }
  const std::vector<Segment> parts = segments();
  for (const Segment& s : parts) {
    for (i64 b = 0; b < s.bytes; b += 8) offsets_.push_back(static_cast<std::int32_t>(s.offset + b));
  }
  int largest = 1;
  for (i64 i = 0; i < shape.outputs * k; ++i) largest = std::max(largest, std::abs(static_cast<int>(w[i])));
  digits_ = static_cast<int>(std::bit_width(static_cast<unsigned>(largest)));
  const auto chunks = static_cast<i64>(offsets_.size());
  weights_.assign(static_cast<std::size_t>(blocks_ * digits_ * chunks * 16), 0);
  correction_.assign(static_cast<std::size_t>(blocks_ * kBlock), 0);
  std::int32_t plane_weights = 0;
  for (int p = 0; p < input.code.planes(); ++p) plane_weights += input.code.weight(p);

  for (i64 block = 0; block < blocks_; ++block) {
    for (i64 lane = 0; lane < outputs(block); ++lane) {
      const std::int8_t* filter = w + (first_output(block) + lane) * k;
      std::uint32_t correction = 0;  // modulo 2^32, as all sums: only those of a whole filter are known to fit
      i64 chunk = 0;
      for (const Segment& s : parts) {
        for (i64 byte = 0; byte < s.bytes; ++byte) {
          const i64 at = chunk + byte / 8;
          for (i64 bit = 0; bit < 8; ++bit) {
            const i64 tap = s.tap + byte / pixel, c = byte % pixel * 8 + bit;
            if (c >= channels) continue;
            const int code = filter[c * taps + tap];
            correction += static_cast<std::uint32_t>(input.code.lo * code);
            for (int d = 0; d < digits_; ++d) {
              if ((std::abs(code) >> d & 1) == 0) continue;
              std::uint64_t* to = weights_.data() + ((block * digits_ + d) * chunks + at) * 16 + lane;
              const std::uint64_t mask = std::uint64_t{1} << (byte % 8 * 8 + bit);
              to[8] |= mask;
              if (code > 0)
                to[0] |= mask;
              else
                correction -= static_cast<std::uint32_t>((1 << d) * plane_weights);
            }
          }
        }
        chunk += (s.bytes + 7) / 8;
      }
      correction_[static_cast<std::size_t>(block * kBlock + lane)] = static_cast<std::int32_t>(correction);
    }
  }
}

i64 Conv::first_output(i64 block) const {
  return block / blocks_per_group_ * (shape_.outputs / shape_.groups) + block % blocks_per_group_ * kBlock;
}

i64 Conv::outputs(i64 block) const {
  return std::min<i64>(kBlock, shape_.outputs / shape_.groups - block % blocks_per_group_ * kBlock);
}

Task Conv::task(const u8* planes, i64 block, i64 first) const {
  const i64 group = block / blocks_per_group_;
  Task task{};
  task.x = planes + (shape_.groups == 1 ? 0 : group * (shape_.channels / shape_.groups / 8));
  task.plane_bytes = input_.plane_bytes();
  task.pixels = pixels_.data() + first;
  task.offsets = offsets_.data();
  task.chunks = static_cast<i64>(offsets_.size());
  task.weights = weights_.data() + block * digits_ * task.chunks * 16;
  task.digits = digits_;
  task.planes = input_.code.planes();
  task.thermometer = input_.code.thermometer();
  task.correction = correction_.data() + block * kBlock;
  return task;
}

void Conv::run(const Micro& micro, const u8* planes, i64 block, i64 first, i64 pixels, std::int32_t* acc) const {
  micro.accumulate(task(planes, block, first), pixels, acc);
}

void Conv::run(const Micro& micro, const u8* planes, i64 block, i64 first, i64 pixels, const Thresholds& thresholds,
               const PlaneLayout& output, u8* out, const std::int32_t* at) const {
  constexpr i64 kRun = 64;
  alignas(64) std::array<std::int32_t, kRun * kBlock> acc;
  for (i64 i = 0; i < pixels; i += kRun) {
    const i64 n = std::min(kRun, pixels - i);
    run(micro, planes, block, first + i, n, acc.data());
    thresholds.write(micro, acc.data(), block, n, output, out, at + first + i);
  }
}

}  // namespace tern::kernels::kpacked
