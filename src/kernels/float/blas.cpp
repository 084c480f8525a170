#include "kernels/float/blas.hpp"

#include <cblas.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <new>
#include <string>

#include "tern/error.hpp"

// OpenBLAS asks this function of its own, when it is loaded and before anybody could tell it otherwise, how many
// threads to start; they would never get work, and where memory is limited they wait for theirs for ever. The
// definition that the linker meets first is the one asked, if others see it; weak, because in a static OpenBLAS there
// is another.
extern "C" __attribute__((weak, visibility("default"))) int openblas_num_threads_env() { return 1; }

namespace tern::kernels {
namespace {

std::atomic<bool> used = false;

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

// OpenBLAS maps a buffer for each thread that calls it, of 32 to 128 MiB by version, and tries again for ever if the
// system refuses.
void expect_room_for_buffer() {
  static thread_local const bool done = [] {
    constexpr std::size_t kMost = std::size_t{128} << 20;
    void* const room =
        ::mmap(nullptr, kMost, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) throw std::bad_alloc();
    ::munmap(room, kMost);
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
  used = true;
  use_one_thread();
  expect_room_for_buffer();
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

std::string blas_kernels() {
#ifdef OPENBLAS_VERSION
  return std::string(openblas_get_corename());
#else
  return "";
#endif
}

bool blas_was_used() { return used; }

std::string blas_description() {
#ifdef OPENBLAS_VERSION
  return std::string(openblas_get_config());
#else
  return "CBLAS";
#endif
}

}  // namespace tern::kernels
