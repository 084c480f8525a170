// The only door to BLAS. Part of libtern, never of libtern-infer.
#pragma once

#include <cstdint>
#include <string>

namespace tern::kernels {

/// C = alpha op(A) op(B) + beta C, all row-major; op(A) is m x k, op(B) k x n, C m x n; lda, ldb, ldc are the distances
/// between the stored rows. With beta == 0, C is never read. Runs on the calling thread alone: the caller splits the
/// work. Errors: ValueError if an extent exceeds what BLAS can count; std::bad_alloc if there is no room for its
/// buffer.
void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
          const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc);
void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, double alpha,
          const double* a, std::int64_t lda, const double* b, std::int64_t ldb, double beta, double* c,
          std::int64_t ldc);

/// The kernels that the library chose for this CPU by name, "" if it does not tell. Sums differ between them.
std::string blas_kernels();
/// True once gemm() has computed anything.
bool blas_was_used();

/// Name, version and the kernels that the library chose for this CPU, for `tern info`.
std::string blas_description();

}  // namespace tern::kernels
