// Convolution by im2col and matrix products: every shape, float and double. The general path; conv/conv.hpp has the
// fast float kernels for the shapes that suit them.
//
// Results do not depend on the number of threads: work is cut by the shape alone, and partial sums are added in a fixed
// order.
#pragma once

#include "kernels/conv_shape.hpp"

namespace tern::kernels::im2col {

/// y = conv(x, filters) + bias; bias [o] or null. Overwrites y.
template <class T>
void forward(const ConvShape& shape, const T* x, const T* filters, const T* bias, T* y);
/// dx = gradient of x. Overwrites dx.
template <class T>
void backward_data(const ConvShape& shape, const T* dy, const T* filters, T* dx);
/// dfilters = gradient of the filters. Overwrites dfilters.
template <class T>
void backward_filters(const ConvShape& shape, const T* x, const T* dy, T* dfilters);

}  // namespace tern::kernels::im2col
