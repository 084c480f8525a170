// A step of a plan: one kernel call that computes one buffer from others. Steps are immutable after planning; what
// changes lives in a Workspace, one for each thread that works on an image of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/aligned.hpp"
#include "infer/dense.hpp"
#include "infer/node.hpp"
#include "kernels/kpacked/layout.hpp"

namespace tern::infer {

/// How a value lies in memory.
enum class Layout {
  kF32,     ///< float [C][H][W], real values
  kI8,      ///< int8 [C][H][W], codes
  kPlanes,  ///< bits, kernels/kpacked/layout.hpp
};

using BufferId = std::size_t;

struct Buffer {
  std::size_t node = 0;  ///< whose value it is
  Layout layout = Layout::kF32;
  kernels::kpacked::PlaneLayout planes;  ///< kPlanes
  std::size_t bytes = 0;
  // Set by the planner: steps that write it first and read it last, and its place in the arena.
  std::size_t first_step = 0, last_step = 0;
  std::size_t offset = 0;
};

struct Workspace {
  AlignedVector<std::byte> arena;
  const std::vector<Buffer>* buffers = nullptr;
  const std::uint8_t* image = nullptr;
  DenseScratch scratch;

  template <class T>
  T* at(BufferId id) {
    return reinterpret_cast<T*>(arena.data() + (*buffers)[id].offset);
  }
};

class Step {
 public:
  virtual ~Step() = default;
  /// Independent parts of the work on one image; run() may be called for disjoint ranges at the same time.
  virtual i64 units() const { return 1; }
  virtual void run(Workspace& w, i64 begin, i64 end) const = 0;

  std::string nodes;    ///< what it computes, for StepInfo
  std::string kernel;
  i64 macs = 0;
  i64 cost = 0;         ///< rough number of elementary operations, to decide whether threads are worth waking
  BufferId output = 0;
};

}  // namespace tern::infer
