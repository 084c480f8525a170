// Convolution by implicit matrix products on the register-blocked kernels of micro.hpp: any shape, fast where the
// output channels fill vectors. Contracts as in conv.hpp.
#pragma once

#include <string_view>

#include "kernels/float/conv/conv.hpp"
#include "kernels/float/conv/micro.hpp"

namespace tern::kernels::conv::implicit {

/// y = conv(x, filters) + bias; bias [o] or null. Overwrites y.
void forward(const ConvShape& shape, const float* x, const float* filters, const float* bias, float* y);
/// dx = gradient of x. Overwrites dx.
void backward_data(const ConvShape& shape, const float* dy, const float* filters, float* dx);
/// dfilters = gradient of the filters. Overwrites dfilters.
void backward_filters(const ConvShape& shape, const float* x, const float* dy, float* dfilters);

/// False where lanes or tiles would mostly idle (few channels, tiny images) or offsets would overflow: im2col is
/// better. False for images without pixels, which the functions above do not take.
bool suits_forward(const ConvShape& shape);
bool suits_backward_data(const ConvShape& shape);
bool suits_backward_filters(const ConvShape& shape);

/// A 1x1 convolution at stride 1 without padding sees an image as one row.
ConvShape collapse(const ConvShape& shape);

}  // namespace tern::kernels::conv::implicit
