// Replaces operator new in the test programs by one that counts. The forms for arrays and those that do not throw end here
// too: the standard library defines them by these.
#include "requested_bytes.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::uint64_t> requested{0};

void* counted(void* p, std::size_t bytes) {
  if (!p) throw std::bad_alloc();
  requested += bytes;
  return p;
}

}  // namespace

std::uint64_t tern::testing::requested_bytes() { return requested; }

void* operator new(std::size_t bytes) { return counted(std::malloc(bytes ? bytes : 1), bytes); }
void* operator new(std::size_t bytes, std::align_val_t align) {
  const auto a = static_cast<std::size_t>(align);
  return counted(std::aligned_alloc(a, (bytes + a - 1) / a * a), bytes);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
