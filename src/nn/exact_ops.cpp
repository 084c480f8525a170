#include "nn/exact_ops.hpp"

#include <cmath>
#include <cstdlib>
#include <string>

#include "kernels/exact.hpp"
#include "kernels/packed/ordered.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

// One pooling window: rows [h0, h1), columns [w0, w1) inside the image, `count` is the divisor.
struct Window {
  std::int64_t h0, h1, w0, w1, count;
};

template <class F>
Tensor average_windows(const Value& x, std::int64_t out_h, std::int64_t out_w, F&& window_of) {
  const Tensor v = x.t.contiguous();
  const std::int64_t planes = v.size(0) * v.size(1), height = v.size(2), width = v.size(3);
  const Tensor y = Tensor::empty(Shape{v.size(0), v.size(1), out_h, out_w});
  const float* from = v.data<float>();
  float* to = y.data<float>();
  parallel_ranges(planes, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* plane = from + i * height * width;
      for (std::int64_t p = 0; p < out_h; ++p) {
        for (std::int64_t q = 0; q < out_w; ++q) {
          const Window w = window_of(p, q);
          const auto sum = [&](auto total) {
            for (std::int64_t h = w.h0; h < w.h1; ++h) {
              for (std::int64_t c = w.w0; c < w.w1; ++c) total += static_cast<decltype(total)>(plane[h * width + c]);
            }
            return total;
          };
          to[(i * out_h + p) * out_w + q] = x.is_codes() ? exact::average_codes(sum(std::int64_t{0}), x.step, w.count)
                                                         : exact::average(sum(0.0f), w.count);
        }
      }
    }
  });
  return y;
}

}  // namespace

Tensor conv2d_in_order(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& o) {
  kernels::ConvShape c;
  c.batch = x.size(0);
  c.channels = x.size(1);
  c.height = x.size(2);
  c.width = x.size(3);
  c.outputs = w.size(0);
  c.kernel_h = w.size(2);
  c.kernel_w = w.size(3);
  c.stride_h = o.stride_h;
  c.stride_w = o.stride_w;
  c.pad_h = o.pad_h;
  c.pad_w = o.pad_w;
  c.dilation_h = o.dilation_h;
  c.dilation_w = o.dilation_w;
  c.groups = o.groups;
  const Tensor y = Tensor::empty(Shape{c.batch, c.outputs, c.out_height(), c.out_width()});
  const Tensor dense = x.contiguous();
  kernels::ordered_conv2d(c, dense.data<float>(), w.data<float>(), bias.defined() ? bias.data<float>() : nullptr,
                          y.data<float>());
  return y;
}

Tensor linear_in_order(const Tensor& x, const Tensor& w, const Tensor& bias) {
  const Tensor y = Tensor::empty(Shape{x.size(0), w.size(0)});
  const Tensor dense = x.contiguous();
  kernels::ordered_linear(x.size(0), x.size(1), w.size(0), dense.data<float>(), w.data<float>(),
                          bias.defined() ? bias.data<float>() : nullptr, y.data<float>());
  return y;
}

Tensor avg_pool2d_in_order(const Value& x, const Pool2dOptions& o) {
  const std::int64_t height = x.t.size(2), width = x.t.size(3);
  const auto clipped = [&](std::int64_t begin, std::int64_t extent) {
    return std::pair{std::max<std::int64_t>(begin, 0), std::min(begin + o.kernel, extent)};
  };
  return average_windows(x, conv_out_extent(height, o.kernel, o.stride, o.pad, 1, o.ceil),
                         conv_out_extent(width, o.kernel, o.stride, o.pad, 1, o.ceil),
                         [&](std::int64_t p, std::int64_t q) {
                           const std::int64_t h = p * o.stride - o.pad, w = q * o.stride - o.pad;
                           const auto [h0, h1] = clipped(h, height);
                           const auto [w0, w1] = clipped(w, width);
                           // A window that sticks out at the end because of `ceil` is cut at the padded edge.
                           const std::int64_t whole = (std::min(h + o.kernel, height + o.pad) - h) *
                                                      (std::min(w + o.kernel, width + o.pad) - w);
                           return Window{h0, h1, w0, w1, o.count_padding ? whole : (h1 - h0) * (w1 - w0)};
                         });
}

Tensor global_avg_pool_in_order(const Value& x) {
  const std::int64_t height = x.t.size(2), width = x.t.size(3);
  return average_windows(x, 1, 1, [&](std::int64_t, std::int64_t) {
    return Window{0, height, 0, width, height * width};
  });
}

void check_exact_sums(std::int64_t k, int max_weight_code, const Value& x) {
  const std::int64_t largest = std::max(std::abs(x.lo), std::abs(x.hi));
  if (k * max_weight_code * largest >= (std::int64_t{1} << 24)) {
    throw ValueError("[exact sums] expected fewer than 2^24 in K * weight code * activation code; got " +
                     std::to_string(k) + " * " + std::to_string(max_weight_code) + " * " + std::to_string(largest));
  }
}

}  // namespace tern
