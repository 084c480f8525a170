// Extents of a convolution or pooling. Whoever builds one has checked that everything fits.
#pragma once

#include <cstdint>

namespace tern::kernels {

/// Outputs along one axis. `ceil` rounds up, but a window must start inside the image or its leading padding.
constexpr std::int64_t out_extent(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                                  std::int64_t dilation, bool ceil) {
  const std::int64_t room = in + 2 * pad - dilation * (kernel - 1) - 1,
                     out = (room + (ceil ? stride - 1 : 0)) / stride + 1;
  return ceil && (out - 1) * stride >= in + pad ? out - 1 : out;
}

struct ConvShape {
  std::int64_t batch = 1, channels = 1, height = 1, width = 1;  ///< x: [batch][channels][height][width]
  std::int64_t outputs = 1, kernel_h = 1, kernel_w = 1;         ///< w: [outputs][channels/groups][kernel_h][kernel_w]
  std::int64_t stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1, groups = 1;
  bool ceil = false;  ///< windows of a pooling that rounds its extents up

  std::int64_t out_height() const { return out_extent(height, kernel_h, stride_h, pad_h, dilation_h, ceil); }
  std::int64_t out_width() const { return out_extent(width, kernel_w, stride_w, pad_w, dilation_w, ceil); }
  /// Length of one inner product.
  std::int64_t k() const { return channels / groups * kernel_h * kernel_w; }
  std::int64_t macs() const { return batch * outputs * k() * out_height() * out_width(); }
};

struct PoolShape {
  std::int64_t channels = 1, height = 1, width = 1;  ///< of one image
  std::int64_t kernel = 2, stride = 2, pad = 0;
  bool ceil = false;       ///< round extents up
  bool count_pad = false;  ///< average: divide by the whole window

  std::int64_t extent(std::int64_t in) const { return out_extent(in, kernel, stride, pad, 1, ceil); }
  std::int64_t out_height() const { return extent(height); }
  std::int64_t out_width() const { return extent(width); }
};

}  // namespace tern::kernels
