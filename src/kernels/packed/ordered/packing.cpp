#include "kernels/packed/ordered/packing.hpp"

#include <algorithm>

#include "kernels/packed/ordered/tile.hpp"

namespace tern::kernels::ordered {

Prepared::Prepared(const ConvShape& shape, const float* w)
    : shape_(shape),
      padded_h_(shape.height + 2 * shape.pad_h),
      padded_w_(shape.width + 2 * shape.pad_w),
      blocks_per_group_((shape.outputs / shape.groups + kLanes - 1) / kLanes),
      k_(shape.channels / shape.groups * shape.kernel_h * shape.kernel_w) {
  offsets_.reserve(static_cast<std::size_t>(k_));
  for (std::int64_t c = 0; c < shape.channels / shape.groups; ++c) {
    for (std::int64_t r = 0; r < shape.kernel_h; ++r) {
      for (std::int64_t s = 0; s < shape.kernel_w; ++s) {
        offsets_.push_back(
            static_cast<std::int32_t>((c * padded_h_ + r * shape.dilation_h) * padded_w_ + s * shape.dilation_w));
      }
    }
  }
  weights_.assign(static_cast<std::size_t>(blocks() * k_ * kLanes), 0.0f);
  for (std::int64_t b = 0; b < blocks(); ++b) {
    const Block at = block(b);
    for (std::int64_t lane = 0; lane < at.outputs; ++lane) {
      for (std::int64_t k = 0; k < k_; ++k) {
        weights_[static_cast<std::size_t>((b * k_ + k) * kLanes + lane)] = w[(at.first_output + lane) * k_ + k];
      }
    }
  }
}

Prepared::Block Prepared::block(std::int64_t i) const {
  const std::int64_t per_group = shape_.outputs / shape_.groups;
  const std::int64_t group = i / blocks_per_group_, inside = i % blocks_per_group_ * kLanes;
  return {group * per_group + inside, std::min<std::int64_t>(kLanes, per_group - inside),
          group * (shape_.channels / shape_.groups)};
}

void Prepared::pad(const float* image, float* padded) const {
  std::fill_n(padded, padded_size(), 0.0f);
  for (std::int64_t c = 0; c < shape_.channels; ++c) {
    for (std::int64_t y = 0; y < shape_.height; ++y, image += shape_.width) {
      std::copy_n(image, shape_.width, padded + (c * padded_h_ + y + shape_.pad_h) * padded_w_ + shape_.pad_w);
    }
  }
}

void Prepared::row(Isa isa, const float* padded, std::int64_t i, std::int64_t p, std::int64_t q, std::int64_t pixels,
                   float* out) const {
  const float* x = padded + (block(i).first_input * padded_h_ + p * shape_.stride_h) * padded_w_ + q * shape_.stride_w;
  tile_for(isa).run(x, shape_.stride_w, offsets_.data(), k_, weights_.data() + i * k_ * kLanes, pixels, out);
}

}  // namespace tern::kernels::ordered
