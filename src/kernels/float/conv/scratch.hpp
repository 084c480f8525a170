// Uninitialised floats: Scratch for one call, from the recycling pool; thread_scratch() for one task, kept by its
// thread, so that the next task finds it in its own caches.
#pragma once

#include <cstddef>
#include <memory>

#include "core/buffer.hpp"
#include "kernels/float/conv/micro.hpp"

namespace tern::kernels::conv {

class Scratch {
 public:
  explicit Scratch(i64 floats)
      : buffer_(Buffer::allocate(static_cast<std::size_t>(floats > 0 ? floats : 1) * sizeof(float))) {}
  float* data() const { return reinterpret_cast<float*>(buffer_->data()); }

 private:
  std::shared_ptr<Buffer> buffer_;
};

/// A thread's buffer for one purpose: contents are lost and the address may change at the next get() for that purpose.
enum class Purpose { kPlanes, kBlock, kPoints, kProducts };
template <Purpose purpose>
float* thread_scratch(i64 floats) {
  thread_local std::shared_ptr<Buffer> buffer;
  const std::size_t bytes = static_cast<std::size_t>(floats > 0 ? floats : 1) * sizeof(float);
  if (!buffer || buffer->capacity() < bytes) {
    buffer.reset();
    buffer = Buffer::allocate(bytes);
  }
  return reinterpret_cast<float*>(buffer->data());
}

}  // namespace tern::kernels::conv
