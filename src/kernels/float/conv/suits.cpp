#include <limits>

#include "kernels/float/conv/implicit.hpp"

namespace tern::kernels::conv::implicit {

ConvShape collapse(const ConvShape& shape) {
  ConvShape s = shape;
  const bool pointwise =
      s.kernel_h == 1 && s.kernel_w == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_h == 0 && s.pad_w == 0;
  if (pointwise && s.height * s.width <= 1024) {
    s.width *= s.height;
    s.height = 1;
  }
  return s;
}

namespace {

// Half-filled vectors and rows of a few pixels still win over an im2col matrix; less does not. An image may be all
// padding.
bool suits(const ConvShape& given, i64 lanes, i64 columns, i64 k) {
  const ConvShape s = collapse(given);
  const i64 c = s.channels / s.groups, o = s.outputs / s.groups;
  const i64 margin_h = s.kernel_h * s.dilation_h + s.stride_h, margin_w = s.kernel_w * s.dilation_w + s.stride_w;
  // Offsets inside one image's planes are 32 bits wide.
  const double plane =
      static_cast<double>(s.height + 2 * s.pad_h + margin_h) * static_cast<double>(s.width + 2 * s.pad_w + margin_w);
  const bool countable = plane * static_cast<double>(c > o ? c : o) < 0.25 * std::numeric_limits<i32>::max();
  return s.height * s.width > 0 && countable && 2 * lanes >= current_micro().width && columns >= 3 && k >= 4;
}

}  // namespace

bool suits_forward(const ConvShape& s) {
  return suits(s, s.outputs / s.groups, collapse(s).out_width(), s.channels / s.groups * s.kernel_h * s.kernel_w);
}
bool suits_backward_data(const ConvShape& s) {
  return suits(s, s.channels / s.groups, collapse(s).width / s.stride_w,
               s.outputs / s.groups * s.kernel_h * s.kernel_w);
}
bool suits_backward_filters(const ConvShape& s) {
  return suits(s, s.outputs / s.groups, collapse(s).out_width(), s.channels / s.groups * s.kernel_h * s.kernel_w);
}

}  // namespace tern::kernels::conv::implicit
