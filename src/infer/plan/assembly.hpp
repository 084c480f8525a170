// Steps and buffers of a plan while it is made.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "infer/plan/decisions.hpp"
#include "infer/plan/plan.hpp"
#include "infer/steps/step.hpp"

namespace tern::infer {

class Assembly {
 public:
  explicit Assembly(const Decisions& decisions)
      : decisions_(decisions), buffer_(decisions.task.size(), {-1, -1, -1, -1}) {}

  const Buffer& operator[](BufferId id) const { return plan_.buffers[id]; }

  /// A new buffer for the value of `node`, which get() then finds.
  BufferId own(std::size_t node, Layout layout);
  /// A new buffer that no other step asks for, of so many bytes an image.
  BufferId temporary(std::size_t node, Layout layout, std::size_t bytes);
  /// A new buffer that the images of a group share.
  BufferId shared(const Buffer& buffer);
  /// The buffer of the value of `node` in a layout, converted now if it is not there yet.
  BufferId get(std::size_t node, Layout layout);
  /// The next step reads the buffer.
  void touch(BufferId id);
  /// `work`: instead of what the step says itself.
  void push(std::unique_ptr<Step> step);
  void push(std::unique_ptr<Step> step, WorkList work);

  /// After the last node's step.
  Plan finish() &&;

 private:
  BufferId add(std::size_t node, Layout layout);
  void set_bytes(Buffer& b, std::size_t bytes) const;
  std::ptrdiff_t native(std::size_t node) const;

  const Decisions& decisions_;
  std::vector<std::array<std::ptrdiff_t, kValueLayouts>> buffer_;  // [node][layout]
  Plan plan_;
};

/// A place in one arena for each buffer, from the steps that write it first and read it last. Returns the arena's size.
std::size_t place(std::vector<Buffer>& buffers);

}  // namespace tern::infer
