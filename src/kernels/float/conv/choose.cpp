#include "kernels/float/conv/conv.hpp"
#include "kernels/float/conv/depthwise.hpp"
#include "kernels/float/conv/implicit.hpp"
#include "kernels/float/conv/winograd.hpp"
#include "kernels/float/conv_im2col.hpp"

namespace tern::kernels::conv {

void forward(const ConvShape& shape, const float* x, const float* filters, const float* bias, float* y) {
  if (depthwise::suits(shape)) {
    depthwise::forward(shape, x, filters, bias, y);
  } else if (winograd::suits_forward(shape)) {
    winograd::forward(shape, x, filters, bias, y);
  } else if (implicit::suits_forward(shape)) {
    implicit::forward(shape, x, filters, bias, y);
  } else {
    im2col::forward(shape, x, filters, bias, y);
  }
}

void backward_data(const ConvShape& shape, const float* dy, const float* filters, float* dx) {
  if (depthwise::suits(shape)) {
    depthwise::backward_data(shape, dy, filters, dx);
  } else if (winograd::suits_backward_data(shape)) {
    winograd::backward_data(shape, dy, filters, dx);
  } else if (implicit::suits_backward_data(shape)) {
    implicit::backward_data(shape, dy, filters, dx);
  } else {
    im2col::backward_data(shape, dy, filters, dx);
  }
}

void backward_filters(const ConvShape& shape, const float* x, const float* dy, float* dfilters) {
  if (depthwise::suits(shape)) {
    depthwise::backward_filters(shape, x, dy, dfilters);
  } else if (winograd::suits_backward_filters(shape)) {
    winograd::backward_filters(shape, x, dy, dfilters);
  } else if (implicit::suits_backward_filters(shape)) {
    implicit::backward_filters(shape, x, dy, dfilters);
  } else {
    im2col::backward_filters(shape, x, dy, dfilters);
  }
}

void forward(const ConvShape& shape, const double* x, const double* filters, const double* bias, double* y) {
  im2col::forward(shape, x, filters, bias, y);
}
void backward_data(const ConvShape& shape, const double* dy, const double* filters, double* dx) {
  im2col::backward_data(shape, dy, filters, dx);
}
void backward_filters(const ConvShape& shape, const double* x, const double* dy, double* dfilters) {
  im2col::backward_filters(shape, x, dy, dfilters);
}

}  // namespace tern::kernels::conv
