// conv2d: y[n,o,p,q] = bias[o] + sum_{c,r,s} w[o,c,r,s] x[n, c, p*stride + r*dilation - pad, ...]
//   dx = dy correlated back through w,  dw[o,c,r,s] = sum_{n,p,q} dy[n,o,p,q] x[n, c, ...],  dbias[o] = sum_{n,p,q} dy
// This file checks and records; the arithmetic is in kernels/float/conv (fast float shapes) and
// kernels/float/conv_im2col (the rest).
#include "kernels/float/conv/conv.hpp"

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"

namespace tern {
namespace {

using kernels::ConvShape;

ConvShape checked_geometry(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& o) {
  ops::check_same_dtype("conv2d", x, w);
  ops::check_rank("conv2d", "x", x, 4);
  ops::check_rank("conv2d", "w", w, 4);
  if (o.stride_h < 1 || o.stride_w < 1 || o.dilation_h < 1 || o.dilation_w < 1 || o.pad_h < 0 || o.pad_w < 0 ||
      o.groups < 1) {
    ops::throw_value("conv2d", "stride, dilation and groups >= 1 and pad >= 0",
                     "stride " + std::to_string(o.stride_h) + "x" + std::to_string(o.stride_w) + ", dilation " +
                         std::to_string(o.dilation_h) + "x" + std::to_string(o.dilation_w) + ", pad " +
                         std::to_string(o.pad_h) + "x" + std::to_string(o.pad_w) + ", groups " +
                         std::to_string(o.groups));
  }
  if (x.size(1) % o.groups != 0 || w.size(0) % o.groups != 0 || w.size(1) != x.size(1) / o.groups) {
    ops::throw_shape(
        "conv2d",
        "w of shape O x C/groups x R x S with groups " + std::to_string(o.groups) + " for x " + x.shape().str(),
        w.shape().str());
  }
  if (bias.defined()) {
    ops::check_same_dtype("conv2d", x, bias);
    ops::check_shape("conv2d", "bias", bias, Shape{w.size(0)});
  }
  (void)conv_out_extent(x.size(2), w.size(2), o.stride_h, o.pad_h, o.dilation_h);  // throws where w does not fit
  (void)conv_out_extent(x.size(3), w.size(3), o.stride_w, o.pad_w, o.dilation_w);
  return {.batch = x.size(0),
          .channels = x.size(1),
          .height = x.size(2),
          .width = x.size(3),
          .outputs = w.size(0),
          .kernel_h = w.size(2),
          .kernel_w = w.size(3),
          .stride_h = o.stride_h,
          .stride_w = o.stride_w,
          .pad_h = o.pad_h,
          .pad_w = o.pad_w,
          .dilation_h = o.dilation_h,
          .dilation_w = o.dilation_w,
          .groups = o.groups};
}

}  // namespace

std::int64_t conv_out_extent(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                             std::int64_t dilation, bool ceil) {
  if (stride < 1 || dilation < 1 || pad < 0 || std::max({kernel, stride, pad, dilation}) > ops::kMaxAttribute) {
    ops::throw_value("conv_out_extent",
                     "stride and dilation >= 1, pad >= 0, and all of them and the kernel at most " +
                         std::to_string(ops::kMaxAttribute),
                     "stride " + std::to_string(stride) + ", dilation " + std::to_string(dilation) + ", pad " +
                         std::to_string(pad) + ", kernel " + std::to_string(kernel));
  }
  if (kernel < 1 || in + 2 * pad <= dilation * (kernel - 1)) {
    ops::throw_shape("conv_out_extent", "a kernel that fits into the padded extent " + std::to_string(in + 2 * pad),
                     "kernel " + std::to_string(kernel) + " with dilation " + std::to_string(dilation));
  }
  return kernels::out_extent(in, kernel, stride, pad, dilation, ceil);
}

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& options) {
  const ConvShape shape = checked_geometry(x, w, bias, options);
  const Tensor input = x.contiguous(), filters = w.contiguous();
  const Tensor offset = bias.defined() ? bias.contiguous() : Tensor();
  Tensor y = Tensor::empty(Shape{shape.batch, shape.outputs, shape.out_height(), shape.out_width()}, x.dtype());
  dispatch(x.dtype(), "conv2d", [&](auto zero) {
    using T = decltype(zero);
    kernels::conv::forward(shape, input.data<T>(), filters.data<T>(), offset.defined() ? offset.data<T>() : nullptr,
                           y.data<T>());
  });

  std::vector<Tensor> inputs{x, w};
  if (bias.defined()) inputs.push_back(bias);
  const bool has_bias = bias.defined(), need_bias = bias.requires_grad();
  // Backward needs x for dw and w for dx; what is not needed is not kept.
  const Tensor kept_x = w.requires_grad() ? input : Tensor(), kept_w = x.requires_grad() ? filters : Tensor();
  return record("conv2d", std::move(y), inputs, [=](const Tensor& dy) {
    const Tensor g = dy.contiguous();
    std::vector<Tensor> out(has_bias ? 3 : 2);
    dispatch(dy.dtype(), "conv2d", [&](auto zero) {
      using T = decltype(zero);
      if (kept_w.defined()) {
        out[0] = Tensor::empty(Shape{shape.batch, shape.channels, shape.height, shape.width}, dy.dtype());
        kernels::conv::backward_data(shape, g.data<T>(), kept_w.data<T>(), out[0].template data<T>());
      }
      if (kept_x.defined()) {
        out[1] = Tensor::empty(Shape{shape.outputs, shape.channels / shape.groups, shape.kernel_h, shape.kernel_w},
                               dy.dtype());
        kernels::conv::backward_filters(shape, kept_x.data<T>(), g.data<T>(), out[1].template data<T>());
      }
    });
    if (need_bias) out[2] = sum(g, {0, 2, 3});
    return out;
  });
}

}  // namespace tern
