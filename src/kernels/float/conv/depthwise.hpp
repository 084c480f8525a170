// Depthwise convolution: each channel has a filter of its own (groups = channels = outputs), so there is no sum over
// channels that would fill vectors with outputs. Vectors are runs of pixels instead: a plane with zeros around it is
// one long row, and every tap of the filter is that row shifted,
//
//   y[j] = bias + sum_t w[t] x[off[t] + j]        dw[t] = sum_j x[off[t] + j] dy[j]
//
// where the few j between two rows are computed and thrown away (their dy is zero). The gradient of x is the first sum
// again, over dy. A stride splits x into as many planes (phases) first, each contiguous.
#pragma once

#include "kernels/float/conv/conv.hpp"

namespace tern::kernels::conv::depthwise {

/// Whether the functions below take the shape: groups = c = o, planes that fit scratch memory.
bool runs(const ConvShape& shape);
/// A convolution that should come here; with one channel it is an ordinary one.
inline bool suits(const ConvShape& shape) { return shape.groups > 1 && runs(shape); }

/// As conv::forward and its gradients, for shapes that run.
void forward(const ConvShape& shape, const float* x, const float* filters, const float* bias, float* y);
void backward_data(const ConvShape& shape, const float* dy, const float* filters, float* dx);
void backward_filters(const ConvShape& shape, const float* x, const float* dy, float* dfilters);

}  // namespace tern::kernels::conv::depthwise
