// Float matrix products on the register-blocked kernels, for the sizes of training: dense layers, small and odd
// extents.
#pragma once

#include <cstdint>

namespace tern::kernels::conv {

/// C = op(A) op(B), all row-major; op(A) is m x k, op(B) k x n; lda, ldb, ldc are the distances between stored rows.
/// Runs on all threads; results do not depend on their number.
void product(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
             std::int64_t lda, const float* b, std::int64_t ldb, float* c, std::int64_t ldc);

}  // namespace tern::kernels::conv
