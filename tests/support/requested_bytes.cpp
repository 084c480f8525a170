// Replaces operator new in the test programs by one that counts, in all its forms: with address checks those that were
// left out would be the checker's own, and no match for these deletes.
#include "requested_bytes.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::uint64_t> requested{0}, allocations{0};

void* counted(std::size_t bytes) noexcept {
  requested += bytes;
  ++allocations;
  return std::malloc(bytes ? bytes : 1);
}
void* counted(std::size_t bytes, std::align_val_t align) noexcept {
  requested += bytes;
  ++allocations;
  const auto a = static_cast<std::size_t>(align);
  return std::aligned_alloc(a, (bytes + a - 1) / a * a);
}
void* or_throw(void* p) {
  if (!p) throw std::bad_alloc();
  return p;
}

}  // namespace

std::uint64_t tern::testing::requested_bytes() { return requested; }
std::uint64_t tern::testing::requested_allocations() { return allocations; }

using Align = std::align_val_t;
using Nothrow = std::nothrow_t;
void* operator new(std::size_t n) { return or_throw(counted(n)); }
void* operator new[](std::size_t n) { return or_throw(counted(n)); }
void* operator new(std::size_t n, Align a) { return or_throw(counted(n, a)); }
void* operator new[](std::size_t n, Align a) { return or_throw(counted(n, a)); }
void* operator new(std::size_t n, const Nothrow&) noexcept { return counted(n); }
void* operator new[](std::size_t n, const Nothrow&) noexcept { return counted(n); }
void* operator new(std::size_t n, Align a, const Nothrow&) noexcept { return counted(n, a); }
void* operator new[](std::size_t n, Align a, const Nothrow&) noexcept { return counted(n, a); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, Align) noexcept { std::free(p); }
void operator delete[](void* p, Align) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, Align) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, Align) noexcept { std::free(p); }
void operator delete(void* p, const Nothrow&) noexcept { std::free(p); }
void operator delete[](void* p, const Nothrow&) noexcept { std::free(p); }
void operator delete(void* p, Align, const Nothrow&) noexcept { std::free(p); }
void operator delete[](void* p, Align, const Nothrow&) noexcept { std::free(p); }
