// Extents of a convolution or pooling. Whoever builds one has checked that everything fits.
#pragma once

#include <cstdint>

namespace tern::kernels {

struct ConvShape {
  std::int64_t batch = 1, channels = 1, height = 1, width = 1;  ///< x: [batch][channels][height][width]
  std::int64_t outputs = 1, kernel_h = 1, kernel_w = 1;         ///< w: [outputs][channels/groups][kernel_h][kernel_w]
  std::int64_t stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1, groups = 1;

  std::int64_t out_height() const { return (height + 2 * pad_h - dilation_h * (kernel_h - 1) - 1) / stride_h + 1; }
  std::int64_t out_width() const { return (width + 2 * pad_w - dilation_w * (kernel_w - 1) - 1) / stride_w + 1; }
  /// Length of one inner product.
  std::int64_t k() const { return channels / groups * kernel_h * kernel_w; }
  std::int64_t macs() const { return batch * outputs * k() * out_height() * out_width(); }
};

struct PoolShape {
  std::int64_t channels = 1, height = 1, width = 1;  ///< of one image
  std::int64_t kernel = 2, stride = 2, pad = 0;
  bool ceil = false;       ///< round extents up; a window must start inside the image or its leading padding
  bool count_pad = false;  ///< average: divide by the whole window

  std::int64_t extent(std::int64_t in) const {
    const std::int64_t reach = in + 2 * pad - kernel;
    std::int64_t out = (reach + (ceil ? stride - 1 : 0)) / stride + 1;
    if (ceil && (out - 1) * stride >= in + pad) --out;
    return out;
  }
  std::int64_t out_height() const { return extent(height); }
  std::int64_t out_width() const { return extent(width); }
};

}  // namespace tern::kernels
