// Buffer: the bytes under tensors. Freed buffers are kept by size and handed out again, so that a training step in its
// steady state allocates nothing; the pool also counts live and peak bytes.
#pragma once

#include <cstddef>
#include <memory>

namespace tern {

class Buffer {
 public:
  /// Aligned to kAlignment, contents undefined.
  static std::shared_ptr<Buffer> allocate(std::size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }        ///< that were asked for
  std::size_t capacity() const { return capacity_; }  ///< that are there

 private:
  Buffer(std::byte* data, std::size_t bytes, std::size_t capacity) : data_(data), bytes_(bytes), capacity_(capacity) {}
  std::byte* data_;
  std::size_t bytes_, capacity_;
};

}  // namespace tern
