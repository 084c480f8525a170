// Scratch: uninitialised floats from the recycling pool, given back at the end of the scope.
#pragma once

#include <cstddef>
#include <memory>

#include "core/buffer.hpp"
#include "kernels/conv/micro.hpp"

namespace tern::kernels::conv {

class Scratch {
 public:
  explicit Scratch(i64 floats)
      : buffer_(Buffer::allocate(static_cast<std::size_t>(floats > 0 ? floats : 1) * sizeof(float))) {}
  float* data() const { return reinterpret_cast<float*>(buffer_->data()); }

 private:
  std::shared_ptr<Buffer> buffer_;
};

}  // namespace tern::kernels::conv
