// Logic on {0,1} activations, as differentiable operations on float tensors: what logic-gated residual networks skip
// with. Paper: Nguyen, Guicquero, Sicard, "Histogram-equalized quantization for logic-gated residual neural networks",
// 2022.
#pragma once

#include "tern/public.h"
#include "tern/tensor.hpp"

namespace tern {

struct TERN_PUBLIC LogicOptions {
  /// The full-precision twin: activations are any numbers >= 0, OR is max(a + b, 0), and m of tgap is not 1.
  bool real = false;
  /// Gradient of OR as that of a + b - a b, instead of the window |a + b| <= 1. No effect with `real`.
  bool by_logic = false;
  /// tgap passes no gradient.
  bool stop_grad = false;
};

/// o = 1{a + b > 0}. Shapes: a, b equal, and so is o.
/// Gradient: da = db = do 1{|a + b| <= 1}, so that (1, 1) passes none; by_logic: da = do (1 - b), db = do (1 - a);
/// real: that of max(a + b, 0), 0 at 0.
/// Errors: ShapeError, ValueError if shapes or dtypes differ.
TERN_PUBLIC Tensor logic_or(const Tensor& a, const Tensor& b, const LogicOptions& options = {});

/// Thresholded global average pooling: T[n, c] = 1{p > m / 2}, p = mean of x over H W. m = 1; real: the largest channel
/// mean of the sample. On {0,1} it is exactly 2 * count > H W. Shapes: N C H W -> N C 1 1. Gradient: dx = dT 1{|p - m /
/// 2| <= 1} / (H W), m a constant. Errors: ShapeError if x has not four dimensions or no pixels.
TERN_PUBLIC Tensor tgap(const Tensor& x, const LogicOptions& options = {});

/// o = y where t = 1, logic_or(y, x) where t = 0: a channel with more ones than zeros passes straight, others get the
/// skip. Shapes: t N C 1 1 of zeros and ones; y, x N C H W. Gradient: dy = do t + dor, dx = dor, dt = sum over pixels
/// of do (y - or), where dor = do (1 - t) through OR. Errors: ShapeError, ValueError if shapes or dtypes do not fit.
TERN_PUBLIC Tensor mux(const Tensor& t, const Tensor& y, const Tensor& x, const LogicOptions& options = {});

}  // namespace tern
