// Differentiable operations: free functions that check their arguments, compute, and record a backward.
//
// All take float32 (training) or float64 (gradient checks) and run the same templated code on both. Layouts are
// row-major: images N C H W, filters O C/groups R S, dense weights O K; strided views are accepted everywhere.
// Gradients are the derivatives of the formula given at each function unless a rule `dx = ...` is declared; `dy` is the
// gradient of the result. Results do not depend on the number of threads; products, convolutions and sums do on the
// instruction set, in their last bits. NaN passes through relu, hardtanh, max and max_pool2d, so that a diverging run
// is seen. Errors, everywhere: ShapeError with both shapes if they do not fit, ValueError for a dtype or attribute out
// of range.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tern/public.h"
#include "tern/rng.hpp"
#include "tern/tensor.hpp"

namespace tern {

// ---- elementwise (ops/elementwise.cpp) ----
// Binary forms broadcast as NumPy does; gradients are summed back.
TERN_PUBLIC Tensor add(const Tensor& a, const Tensor& b);
/// max(a + b, 0) in one pass, of equal shapes; da = db = dy * 1{a + b > 0}. Errors: ShapeError.
TERN_PUBLIC Tensor add_relu(const Tensor& a, const Tensor& b);
TERN_PUBLIC Tensor sub(const Tensor& a, const Tensor& b);
TERN_PUBLIC Tensor mul(const Tensor& a, const Tensor& b);
TERN_PUBLIC Tensor div(const Tensor& a, const Tensor& b);
TERN_PUBLIC Tensor neg(const Tensor& x);
TERN_PUBLIC Tensor scale(const Tensor& x, double factor);
TERN_PUBLIC Tensor add_scalar(const Tensor& x, double c);
TERN_PUBLIC Tensor exp(const Tensor& x);
TERN_PUBLIC Tensor log(const Tensor& x);
TERN_PUBLIC Tensor sqrt(const Tensor& x);
TERN_PUBLIC Tensor abs(const Tensor& x);   ///< dx = dy * sign(x), 0 at 0
TERN_PUBLIC Tensor relu(const Tensor& x);  ///< max(x, 0); dx = dy * 1{x > 0}
/// x > 0 ? x : slope x. Shapes: x [N C ...], slope [1] or [C]. Gradient: at 0 that of the negative side.
TERN_PUBLIC Tensor prelu(const Tensor& x, const Tensor& slope);
TERN_PUBLIC Tensor hardtanh(const Tensor& x);  ///< clip(x, -1, 1); dx = dy * 1{|x| <= 1}
TERN_PUBLIC Tensor tanh(const Tensor& x);
TERN_PUBLIC Tensor sigmoid(const Tensor& x);

/// mask != 0 ? a : b, all of one shape and dtype; da = dy where the mask is not 0, db = dy elsewhere. (ops/where.cpp)
TERN_PUBLIC Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b);

// ---- straight-through estimators (ops/ste.cpp) ----
TERN_PUBLIC Tensor heaviside_ste(const Tensor& x);  ///< y = 1{x > 0}; dx = dy * 1{|x| <= 1}         (HEQ)
TERN_PUBLIC Tensor sign_ste(const Tensor& x);       ///< y = +1 if x >= 0 else -1; dx = dy * 1{|x| < 1}     (XNOR-Net)

// ---- mixtures (ops/weighted_sum.cpp) ----
/// y = sum_k w_k x_k: equal shapes, w [K]. With w = softmax(alpha) this is the mixed operation of differentiable
/// architecture search. dx_k = w_k dy, dw_k = <dy, x_k>.
TERN_PUBLIC Tensor weighted_sum(const std::vector<Tensor>& xs, const Tensor& w);

// ---- reductions (ops/reduce.cpp) ----
// Summed in a fixed order, in double per chunk. An empty `dims` means all.
// Shapes: without the dimensions that were reduced, or with extent 1 there if keep_dims.
TERN_PUBLIC Tensor sum(const Tensor& x, std::vector<int> dims = {}, bool keep_dims = false);
TERN_PUBLIC Tensor mean(const Tensor& x, std::vector<int> dims = {}, bool keep_dims = false);
TERN_PUBLIC Tensor max(const Tensor& x, int dim,
                       bool keep_dims = false);  ///< ties: the gradient goes to the lowest index

// ---- shape (ops/shape.cpp) ----
TERN_PUBLIC Tensor reshape(const Tensor& x,
                           const Shape& shape);  ///< same elements in row-major order; numel must agree
TERN_PUBLIC Tensor flatten(const Tensor& x);     ///< N ... -> N x rest
TERN_PUBLIC Tensor permute(const Tensor& x, std::vector<int> order);
TERN_PUBLIC Tensor transpose(const Tensor& x);  ///< rank 2
TERN_PUBLIC Tensor slice(const Tensor& x, int dim, std::int64_t begin, std::int64_t end, std::int64_t step = 1);
TERN_PUBLIC Tensor concat(const std::vector<Tensor>& parts, int dim);
/// Padding: `before` and `after` slices filled with `value` along `dim`.
TERN_PUBLIC Tensor pad(const Tensor& x, int dim, std::int64_t before, std::int64_t after, double value = 0);
/// ResNet's weightless shortcut (option A): every `stride`-th pixel, `front` and `back` zero channels around.
TERN_PUBLIC Tensor shortcut_pad(const Tensor& x, std::int64_t stride, std::int64_t front, std::int64_t back);

// ---- matmul (ops/matmul.cpp) ----
TERN_PUBLIC Tensor matmul(const Tensor& a, const Tensor& b);  ///< [M K] x [K N] -> [M N]
/// y = x w^T + bias. Shapes: x [N K], w [O K], bias [O] or undefined -> [N O].
TERN_PUBLIC Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias = {});

// ---- convolution (ops/conv.cpp) ----
struct TERN_PUBLIC Conv2dOptions {
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t pad_h = 0, pad_w = 0;  ///< zeros on each side
  std::int64_t dilation_h = 1, dilation_w = 1;
  std::int64_t groups = 1;
  static Conv2dOptions square(std::int64_t stride, std::int64_t pad, std::int64_t dilation = 1,
                              std::int64_t groups = 1) {
    return {stride, stride, pad, pad, dilation, dilation, groups};
  }
};
/// y[n,o,p,q] = bias[o] + sum_{c,r,s} w[o,c,r,s] x[n, c, p*stride - pad + r*dilation, ...]
/// Shapes: x [N C H W], w [O C/groups R S], bias [O] or undefined -> [N O P Q], P and Q by conv_out_extent().
TERN_PUBLIC Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Conv2dOptions& options = {});
/// Output extent of one spatial dimension. Errors: ShapeError if the kernel does not fit; ValueError if stride, pad or
/// dilation is too small, or anything above 2^24.
TERN_PUBLIC std::int64_t conv_out_extent(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                                         std::int64_t dilation, bool ceil = false);

// ---- pooling (ops/pool.cpp) ----
struct TERN_PUBLIC Pool2dOptions {
  std::int64_t kernel = 2, stride = 2, pad = 0;  ///< pad <= kernel / 2, so that every window sees a pixel
  bool ceil = false;  ///< round output extents up; a window still starts inside the image or the padding before it
  bool count_padding = false;  ///< average only: divide by the cells of the padded image, not only those of the image
};
/// Shapes: N C H W -> N C P Q, P and Q by conv_out_extent(). Gradient: of max to the pixel that won, of ties to the one
/// with the lowest index; padding never wins. Of average in equal shares to the pixels of the window.
TERN_PUBLIC Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options);
TERN_PUBLIC Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options);
TERN_PUBLIC Tensor global_avg_pool(const Tensor& x);  ///< N C H W -> N C 1 1

// ---- normalisation (ops/norm.cpp) ----
struct TERN_PUBLIC BatchNormState {
  Tensor running_mean, running_var;  ///< [C], float32; updated in place in training
};
struct TERN_PUBLIC BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;  ///< running = (1 - momentum) running + momentum batch, with the unbiased variance
  bool training = true;   ///< false: running statistics, y = k1 x + k0 as in kernels/exact.hpp
  bool update_running = true;
  bool fuse_relu = false;  ///< y = max(bn(x), 0) in one pass
};
/// y = gamma (x - mu) / sqrt(var + eps) + beta over every dimension but 1.
/// Shapes: x [N C] or [N C H W]; gamma and beta [C], or both undefined for the non-affine form.
/// Gradient: in training through mu and var as well; with running statistics these are constants.
TERN_PUBLIC Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, BatchNormState& state,
                              const BatchNormOptions& options);

/// y = sum_k w_k bn(x_k): weighted_sum() of non-affine batch norms, each with a state of its own, without a tensor for
/// any of them. Gradients as of those two. xs: equal shapes, w [K]; `options` without fuse_relu.
TERN_PUBLIC Tensor mixed_batch_norm(const std::vector<Tensor>& xs, const Tensor& w,
                                    const std::vector<BatchNormState>& states, const BatchNormOptions& options);

// ---- probabilities and losses (ops/loss.cpp) ----
TERN_PUBLIC Tensor softmax(const Tensor& x);  ///< over the last dimension
TERN_PUBLIC Tensor log_softmax(const Tensor& x);
/// Mean over N of -sum_k target_k log softmax(logits)_k, target = (1 - smoothing) onehot + smoothing / K.
/// Shapes: logits [N K], labels int64 [N] -> scalar. Errors: ValueError on a label outside [0, K).
TERN_PUBLIC Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing = 0.0);
/// Mean over N of temperature^2 KL(softmax(teacher / T) || softmax(student / T)).
/// Shapes: both [N K] -> scalar. Gradient: none to the teacher.
TERN_PUBLIC Tensor distillation_loss(const Tensor& student, const Tensor& teacher, double temperature);

// ---- random regularisers (ops/dropout.cpp) ----
// rng is advanced; nothing is drawn when p == 0. dy goes through what was kept.
TERN_PUBLIC Tensor dropout(const Tensor& x, double p, Rng& rng);    ///< keeps with 1-p, scales by 1/(1-p)
TERN_PUBLIC Tensor drop_path(const Tensor& x, double p, Rng& rng);  ///< the same per sample (dimension 0)

}  // namespace tern
