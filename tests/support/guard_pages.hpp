// Memory between two pages that nobody may touch: a read or write outside them ends the test program.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace tern::testing {

template <class T>
class Guarded {
 public:
  /// flush_end: the last element ends where the forbidden page begins; else the first one starts where the other ends.
  Guarded(std::size_t count, bool flush_end) : count_(count) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t inner = (count * sizeof(T) + page - 1) / page * page;
    bytes_ = inner + 2 * page;
    map_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map_ == MAP_FAILED) throw std::runtime_error("mmap failed");
    auto* base = static_cast<std::byte*>(map_);
    mprotect(base, page, PROT_NONE);
    mprotect(base + page + inner, page, PROT_NONE);
    data_ = reinterpret_cast<T*>(base + page + (flush_end ? inner - count * sizeof(T) : 0));
  }
  Guarded(const std::vector<T>& values, bool flush_end) : Guarded(values.size(), flush_end) {
    if (!values.empty()) std::memcpy(data_, values.data(), values.size() * sizeof(T));
  }
  ~Guarded() { munmap(map_, bytes_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() const { return data_; }
  std::size_t size() const { return count_; }

 private:
  std::size_t count_, bytes_ = 0;
  void* map_ = nullptr;
  T* data_ = nullptr;
};
using GuardedFloats = Guarded<float>;

}  // namespace tern::testing
