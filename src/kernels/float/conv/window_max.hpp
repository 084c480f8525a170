// Maxima over windows, and which pixel of the window it was: planes as long rows (phases.hpp), where a window is a
// handful of shifts. The shape is that of a depthwise convolution whose filter is the window.
#pragma once

#include "kernels/float/conv/conv.hpp"

namespace tern::kernels::conv::window_max {

/// Whether the functions below take the shape: groups = c = o, windows of fewer than 255 pixels, planes that fit
/// scratch memory.
bool runs(const ConvShape& shape);

/// y = the maximum over the window's pixels of the image; NaN wins. winner (as y; may be null) is the number of its
/// pixel in the window, row by row, the first of equal ones.
void forward(const ConvShape& shape, const float* x, float* y, unsigned char* winner);
/// dx = sum of dy of the windows that the pixel has won.
void backward(const ConvShape& shape, const float* dy, const unsigned char* winner, float* dx);

}  // namespace tern::kernels::conv::window_max
