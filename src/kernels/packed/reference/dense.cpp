#include "kernels/packed/reference/dense.hpp"

#include <algorithm>
#include <type_traits>

#include "kernels/exact.hpp"

namespace tern::kernels::reference {
namespace {

// First and one-past-last output index whose tap `r` lies inside the image: 0 <= i * stride - pad + r * dilation < in.
struct Range {
  std::int64_t begin, end;
};
Range inside(std::int64_t in, std::int64_t out, std::int64_t stride, std::int64_t shift) {
  const std::int64_t begin = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
  const std::int64_t last = in - 1 - shift;
  return {begin, last < 0 ? 0 : std::min(out, last / stride + 1)};
}

// One weight at a time: it adds to every output position that it reaches. For each output the weights arrive in the
// order c, r, s, which is the order that the float sum is defined by.
template <class X, class Sum>
void convolve(const ConvShape& d, const X* x, const X* w, Sum* y) {
  const std::int64_t rows = d.out_height(), cols = d.out_width();
  const std::int64_t group_inputs = d.channels / d.groups, group_outputs = d.outputs / d.groups;
  std::fill_n(y, d.outputs * rows * cols, Sum{0});
  for (std::int64_t o = 0; o < d.outputs; ++o) {
    Sum* plane = y + o * rows * cols;
    const std::int64_t first = o / group_outputs * group_inputs;
    for (std::int64_t c = 0; c < group_inputs; ++c) {
      const X* image = x + (first + c) * d.height * d.width;
      for (std::int64_t r = 0; r < d.kernel_h; ++r) {
        for (std::int64_t s = 0; s < d.kernel_w; ++s) {
          const auto weight = static_cast<Sum>(*w++);
          if (std::is_integral_v<Sum> && weight == Sum{0}) continue;  // in floats 0 times infinity is no zero
          const std::int64_t down = r * d.dilation_h - d.pad_h, right = s * d.dilation_w - d.pad_w;
          const Range p = inside(d.height, rows, d.stride_h, down), q = inside(d.width, cols, d.stride_w, right);
          for (std::int64_t i = p.begin; i < p.end; ++i) {
            const X* from = image + (i * d.stride_h + down) * d.width + right;
            Sum* to = plane + i * cols;
            if (d.stride_w == 1) {
              for (std::int64_t j = q.begin; j < q.end; ++j) to[j] += static_cast<Sum>(from[j]) * weight;
            } else {
              for (std::int64_t j = q.begin; j < q.end; ++j) to[j] += static_cast<Sum>(from[j * d.stride_w]) * weight;
            }
          }
        }
      }
    }
  }
}

// Calls f(window) for each output, the window clipped to the image. `padded` counts its elements inside the padded
// image: a window that sticks out at the end because of `ceil` is cut there.
struct Window {
  std::int64_t top, bottom, left, right, padded;
};
template <class F>
void for_each_window(const PoolShape& d, F&& f) {
  for (std::int64_t p = 0; p < d.out_height(); ++p) {
    for (std::int64_t q = 0; q < d.out_width(); ++q) {
      const std::int64_t y = p * d.stride - d.pad, x = q * d.stride - d.pad;
      f(Window{std::max<std::int64_t>(y, 0), std::min(y + d.kernel, d.height), std::max<std::int64_t>(x, 0),
               std::min(x + d.kernel, d.width),
               (std::min(y + d.kernel, d.height + d.pad) - y) * (std::min(x + d.kernel, d.width + d.pad) - x)});
    }
  }
}

template <class T>
void maximum(const PoolShape& d, const T* x, T* y) {
  for (std::int64_t c = 0; c < d.channels; ++c, x += d.height * d.width) {
    for_each_window(d, [&](const Window& w) {
      T best = x[w.top * d.width + w.left];
      for (std::int64_t i = w.top; i < w.bottom; ++i) {
        for (std::int64_t j = w.left; j < w.right; ++j) best = std::max(best, x[i * d.width + j]);
      }
      *y++ = best;
    });
  }
}

template <class Sum, class T, class Finish>
void average(const PoolShape& d, const T* x, float* y, Finish&& finish) {
  for (std::int64_t c = 0; c < d.channels; ++c, x += d.height * d.width) {
    for_each_window(d, [&](const Window& w) {
      Sum sum{0};
      for (std::int64_t i = w.top; i < w.bottom; ++i) {
        for (std::int64_t j = w.left; j < w.right; ++j) sum += static_cast<Sum>(x[i * d.width + j]);
      }
      *y++ = finish(sum, d.count_pad ? w.padded : (w.bottom - w.top) * (w.right - w.left));
    });
  }
}

}  // namespace

void conv_codes(const ConvShape& shape, const std::int8_t* x, const std::int8_t* w, std::int32_t* acc) {
  convolve(shape, x, w, acc);
}
void conv_floats(const ConvShape& shape, const float* x, const float* w, float* y) { convolve(shape, x, w, y); }

void max_pool(const PoolShape& shape, const std::int8_t* x, std::int8_t* y) { maximum(shape, x, y); }
void max_pool(const PoolShape& shape, const float* x, float* y) { maximum(shape, x, y); }

void avg_pool(const PoolShape& shape, const std::int8_t* x, float step, float* y) {
  average<std::int64_t>(shape, x, y,
                        [&](std::int64_t sum, std::int64_t n) { return exact::average_codes(sum, step, n); });
}
void avg_pool(const PoolShape& shape, const float* x, float* y) {
  average<float>(shape, x, y, [](float sum, std::int64_t n) { return exact::average(sum, n); });
}

}  // namespace tern::kernels::reference
