#include "core/buffer.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "core/aligned.hpp"
#include "tern/tensor.hpp"

namespace tern {
namespace {

// Sizes are rounded up to four steps an octave, so that batches of slightly different size share buffers.
std::size_t round_size(std::size_t bytes) {
  bytes = std::max<std::size_t>(bytes, kAlignment);
  const std::size_t step = std::max<std::size_t>(std::bit_floor(bytes) / 4, kAlignment);
  return (bytes + step - 1) / step * step;
}

class Pool {
 public:
  std::byte* take(std::size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      stats_.live_bytes += static_cast<std::int64_t>(bytes);
      stats_.peak_bytes = std::max(stats_.peak_bytes, stats_.live_bytes);
      if (const auto it = idle_.find(bytes); it != idle_.end() && !it->second.empty()) {
        std::byte* p = it->second.back();
        it->second.pop_back();
        return p;
      }
    }
    try {
      return static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kAlignment}));
    } catch (...) {
      const std::lock_guard lock(mutex_);
      stats_.live_bytes -= static_cast<std::int64_t>(bytes);
      throw;
    }
  }

  void give(std::byte* p, std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    stats_.live_bytes -= static_cast<std::int64_t>(bytes);
    try {
      idle_[bytes].push_back(p);
    } catch (...) {
      ::operator delete (p, std::align_val_t{kAlignment});
    }
  }

  void trim() {
    const std::lock_guard lock(mutex_);
    for (auto& [bytes, list] : idle_) {
      for (std::byte* p : list) ::operator delete (p, std::align_val_t{kAlignment});
    }
    idle_.clear();
  }

  MemoryStats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

  void reset_peak() {
    const std::lock_guard lock(mutex_);
    stats_.peak_bytes = stats_.live_bytes;
  }

 private:
  std::mutex mutex_;
  std::map<std::size_t, std::vector<std::byte*>> idle_;
  MemoryStats stats_;
};

// Never destroyed: tensors in static objects may outlive any static pool.
Pool& pool() {
  static Pool* p = new Pool;
  return *p;
}

}  // namespace

std::shared_ptr<Buffer> Buffer::allocate(std::size_t bytes) {
  const std::size_t rounded = round_size(bytes);
  return std::shared_ptr<Buffer>(new Buffer(pool().take(rounded), bytes, rounded));
}

Buffer::~Buffer() { pool().give(data_, capacity_); }

MemoryStats memory_stats() { return pool().stats(); }
void reset_peak_memory() { pool().reset_peak(); }
void trim_memory_pool() { pool().trim(); }

}  // namespace tern
