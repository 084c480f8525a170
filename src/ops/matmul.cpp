// Matrix products: matmul and linear.
#include <algorithm>
#include <vector>

#include "kernels/float/blas.hpp"
#include "kernels/float/conv/product.hpp"
#include "ops/op_util.hpp"
#include "tern/autograd.hpp"
#include "tern/ops.hpp"
#include "tern/parallel.hpp"

namespace tern {
namespace {

using i64 = std::int64_t;

struct Matrix {
  Tensor data;      // contiguous, rank 2
  bool transposed;  // read as its transpose
  i64 rows() const { return data.size(transposed ? 1 : 0); }
  i64 columns() const { return data.size(transposed ? 0 : 1); }
};

// C = op(A) op(B): float on tern's own kernels, double by BLAS, cut into blocks of C by its shape alone, each one
// product over the whole inner dimension.
Tensor product(const Matrix& a, const Matrix& b) {
  const i64 m = a.rows(), n = b.columns(), k = a.columns(), lda = a.data.size(1), ldb = b.data.size(1);
  Tensor c = Tensor::empty(Shape{m, n}, a.data.dtype());
  if (c.numel() == 0) return c;
  if (c.dtype() == DType::kF32) {
    kernels::conv::product(a.transposed, b.transposed, m, n, k, a.data.data<float>(), lda, b.data.data<float>(), ldb,
                           c.data<float>(), n);
    return c;
  }
  // About 16 blocks, cut along the longer side first, none smaller than is worth a call.
  const i64 blocks = std::clamp<i64>(m * n * k >> 18, 1, 16);
  const i64 over_n =
      n >= m ? std::min(blocks, (n + 63) / 64) : std::min(std::max<i64>(1, blocks / ((m + 31) / 32)), (n + 63) / 64);
  const i64 over_m = std::clamp<i64>(blocks / over_n, 1, (m + 31) / 32);
  dispatch(c.dtype(), "matmul", [&](auto zero) {
    using T = decltype(zero);
    const T *p = a.data.data<T>(), *q = b.data.data<T>();
    T* r = c.data<T>();
    parallel_for(over_m * over_n, [&](i64 chunk) {
      const i64 i = chunk / over_n, j = chunk % over_n;
      const i64 m0 = m * i / over_m, m1 = m * (i + 1) / over_m, n0 = n * j / over_n, n1 = n * (j + 1) / over_n;
      kernels::gemm(a.transposed, b.transposed, m1 - m0, n1 - n0, k, T(1), p + m0 * (a.transposed ? 1 : lda), lda,
                    q + n0 * (b.transposed ? ldb : 1), ldb, T(0), r + m0 * n + n0, n);
    });
  });
  return c;
}

}  // namespace

// da = dy b^T, db = a^T dy
Tensor matmul(const Tensor& a, const Tensor& b) {
  ops::check_same_dtype("matmul", a, b);
  if (a.shape().rank() != 2 || b.shape().rank() != 2 || a.size(1) != b.size(0)) {
    ops::throw_shape("matmul", "M x K and K x N", a.shape().str() + " and " + b.shape().str());
  }
  const Tensor p = a.contiguous(), q = b.contiguous();
  Tensor y = product({p, false}, {q, false});
  const Tensor for_b = b.requires_grad() ? p : Tensor(), for_a = a.requires_grad() ? q : Tensor();
  return record("matmul", std::move(y), {a, b}, [for_a, for_b](const Tensor& dy) {
    const Tensor g = dy.contiguous();
    return std::vector<Tensor>{for_a.defined() ? product({g, false}, {for_a, true}) : Tensor(),
                               for_b.defined() ? product({for_b, true}, {g, false}) : Tensor()};
  });
}

// y = x w^T + bias: dx = dy w, dw = dy^T x, dbias = sum_n dy
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  ops::check_same_dtype("linear", x, w);
  if (x.shape().rank() != 2 || w.shape().rank() != 2 || x.size(1) != w.size(1)) {
    ops::throw_shape("linear", "x N x K and w O x K", x.shape().str() + " and " + w.shape().str());
  }
  const Tensor input = x.contiguous(), weights = w.contiguous();
  Tensor y = product({input, false}, {weights, true});
  if (bias.defined()) {
    ops::check_same_dtype("linear", x, bias);
    ops::check_shape("linear", "bias", bias, Shape{w.size(0)});
    const NoGrad no_grad;
    y = add(y, bias);
  }
  std::vector<Tensor> inputs{x, w};
  if (bias.defined()) inputs.push_back(bias);
  const bool has_bias = bias.defined(), need_bias = bias.requires_grad();
  const Tensor kept_x = w.requires_grad() ? input : Tensor(), kept_w = x.requires_grad() ? weights : Tensor();
  return record("linear", std::move(y), inputs, [=](const Tensor& dy) {
    const Tensor g = dy.contiguous();
    std::vector<Tensor> out(has_bias ? 3 : 2);
    if (kept_w.defined()) out[0] = product({g, false}, {kept_w, false});
    if (kept_x.defined()) out[1] = product({g, true}, {kept_x, false});
    if (need_bias) out[2] = sum(g, {0});
    return out;
  });
}

}  // namespace tern
