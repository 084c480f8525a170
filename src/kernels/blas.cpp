#include "kernels/blas.hpp"

#include <cblas.h>

#include <algorithm>
#include <limits>
#include <string>

#include "tern/error.hpp"

namespace tern::kernels {
namespace {

blasint narrow(std::int64_t v) {
  if (v < 0 || v > std::numeric_limits<blasint>::max()) {
    throw ValueError("[gemm] expected extents below " + std::to_string(std::numeric_limits<blasint>::max()) + "; got " +
                     std::to_string(v));
  }
  return static_cast<blasint>(v);
}

// tern's own threads call gemm side by side; a second team below them would only fight for the cores, and would make
// results depend on its size.
void use_one_thread() {
  static const bool done = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  (void)done;
}

template <class T, class F>
void checked_gemm(F* blas, bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, T alpha, const T* a,
                  std::int64_t lda, const T* b, std::int64_t ldb, T beta, T* c, std::int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) c[i * ldc + j] = beta == T(0) ? T(0) : beta * c[i * ldc + j];
    }
    return;
  }
  use_one_thread();
  const auto at_least_one = [](std::int64_t v) { return narrow(std::max<std::int64_t>(v, 1)); };
  blas(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, narrow(m), narrow(n), narrow(k),
       alpha, a, at_least_one(lda), b, at_least_one(ldb), beta, c, at_least_one(ldc));
}

}  // namespace

void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
          const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) {
  checked_gemm(cblas_sgemm, transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, double alpha,
          const double* a, std::int64_t lda, const double* b, std::int64_t ldb, double beta, double* c,
          std::int64_t ldc) {
  checked_gemm(cblas_dgemm, transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

std::string blas_description() {
#ifdef OPENBLAS_VERSION
  return std::string(openblas_get_config());
#else
  return "CBLAS";
#endif
}

}  // namespace tern::kernels
