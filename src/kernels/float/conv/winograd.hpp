// 3x3 convolution at stride 1 with 2.25 times fewer multiplications. Contracts as in conv.hpp.
#pragma once

#include "kernels/float/conv/conv.hpp"

namespace tern::kernels::conv::winograd {

void forward(const ConvShape& shape, const float* x, const float* filters, const float* bias, float* y);
void backward_data(const ConvShape& shape, const float* dy, const float* filters, float* dx);
void backward_filters(const ConvShape& shape, const float* x, const float* dy, float* dfilters);

/// True for the shapes that these can run: 3x3, stride and dilation 1, one group, the same padding of at most 2
/// everywhere.
bool runs(const ConvShape& shape);
/// True for those of them that these are faster at than implicit.hpp: enough channels on both sides
/// to pay for the transforms.
bool suits_forward(const ConvShape& shape);
bool suits_backward_data(const ConvShape& shape);
bool suits_backward_filters(const ConvShape& shape);

}  // namespace tern::kernels::conv::winograd
