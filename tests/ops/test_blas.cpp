// BLAS where memory is short.
#include <cstdio>
#include <future>
#include <new>
#include <thread>

#include "catch.hpp"
#include "child.hpp"
#include "kernels/float/blas.hpp"

namespace {

bool multiplies() {
  const float a[] = {1, 2, 3, 4}, b[] = {1, 1, 1, 1};
  float c[4];
  tern::kernels::gemm(false, false, 2, 2, 2, 1.0f, a, 2, b, 2, 0.0f, c, 2);
  return c[3] == 7;
}

rlim_t mapped_bytes() {
  unsigned long pages = 0;
  if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%lu", &pages) != 1) pages = 0;
    std::fclose(f);
  }
  return static_cast<rlim_t>(pages) * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("gemm: no room for its buffer is an error, not a wait for ever", "[ops]") {
  if (kAddressChecks || mapped_bytes() == 0) return;
  CHECK(multiplies());
  CHECK(in_child([] {
          std::promise<void> limited;
          std::thread first_use([&] {
            limited.get_future().wait();
            try {
              multiplies();
            } catch (const std::bad_alloc&) {
              _exit(7);
            }
          });
          limit_memory(mapped_bytes() + (rlim_t{16} << 20));
          limited.set_value();
          first_use.join();
        }) == 7);
}
