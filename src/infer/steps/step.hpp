// A step of a plan: one kernel call that computes one buffer from others. Steps are immutable after planning; what
// changes lives in a Workspace, one for each thread that works on an image of its own. Nothing is allocated while they
// run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/aligned.hpp"
#include "infer/ops/node.hpp"
#include "infer/steps/work.hpp"
#include "kernels/packed/bitsliced/layout.hpp"
#include "kernels/packed/kpacked/layout.hpp"

namespace tern::infer {

/// How a value lies in memory.
enum class Layout {
  kF32,      ///< float [C][H][W], real values
  kI8,       ///< int8 [C][H][W], codes
  kKpacked,  ///< bits, 8 channels of a pixel in a byte: kernels/packed/kpacked/layout.hpp
  kSliced,   ///< bits, 64 positions of a channel in a word: kernels/packed/bitsliced/layout.hpp
  kOpaque,   ///< what a kernel has prepared for itself
  kSums,     ///< integer sums on their way to floats, in bit-sliced planes without a border
};
inline constexpr std::size_t kValueLayouts = 4;  ///< those that a value of the graph can have
inline bool is_planes(Layout l) { return l == Layout::kKpacked || l == Layout::kSliced; }

using BufferId = std::size_t;

/// Bytes, rounded up to cache lines.
inline std::size_t whole_lines(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

struct Buffer {
  std::size_t node = 0;  ///< whose value it is
  Layout layout = Layout::kF32;
  kernels::kpacked::PlaneLayout kpacked;    ///< kKpacked
  kernels::bitsliced::SlicedLayout sliced;  ///< kSliced, kSums
  std::size_t bytes = 0;
  // Set by the planner: steps that write it first and read it last, and its place in the arena.
  std::size_t first_step = 0, last_step = 0;
  std::size_t offset = 0;
  /// Bytes from one image of a group to the next; 0 for what the images share: bit-sliced streams and prepared input.
  std::size_t stride = 0;
};

/// Owns nothing. Threads that share the work on an image have copies that differ in their scratch.
struct Workspace {
  std::byte* arena = nullptr;
  const std::vector<Buffer>* buffers = nullptr;
  const std::uint8_t* image = nullptr;
  i64 index = 0;                 ///< of the image within its group
  std::byte* scratch = nullptr;  ///< Step::scratch_bytes(), which hold nothing from one run() to the next

  template <class T>
  T* at(BufferId id) {
    return reinterpret_cast<T*>(arena + (*buffers)[id].offset +
                                static_cast<std::size_t>(index) * (*buffers)[id].stride);
  }
};

/// Step::layer of a node: nothing unless it is a convolution.
inline std::optional<kernels::ConvShape> layer_of(const Node& node) {
  const Multiply* m = node.operation->multiply();
  return m && m->kind == Multiply::Kind::kConv ? std::optional(m->shape) : std::nullopt;
}

class Step {
 public:
  virtual ~Step() = default;
  /// Called once for a workspace: writes what run() expects to find and never changes.
  virtual void init(Workspace&) const {}
  /// Independent parts of the work on one image; run() may be called for disjoint ranges at the same time.
  virtual i64 units() const { return 1; }
  /// Memory of its own for each run() at a time.
  virtual std::size_t scratch_bytes() const { return 0; }
  virtual void run(Workspace& w, i64 begin, i64 end) const = 0;
  /// Whether one run works on all images of the group; else it works on image w.index.
  virtual bool is_grouped() const { return false; }

  std::string nodes;  ///< what it computes, for StepInfo
  std::string kernel;
  i64 macs = 0;
  std::optional<kernels::ConvShape> layer;  ///< of a convolution, for StepInfo::shape
  WorkList work;                            ///< for a prediction of its time
  BufferId output = 0;
};

}  // namespace tern::infer
