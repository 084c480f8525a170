// The memory of a session for one plan: an arena for each image at a time, scratch for each thread, in one block.
#pragma once

#include <vector>

#include "infer/plan/plan.hpp"
#include "tern/infer.hpp"

namespace tern::infer {

class WorkingMemory {
 public:
  WorkingMemory() = default;
  /// Errors: std::bad_alloc.
  WorkingMemory(const Plan& plan, int images, int threads, const Allocator& allocator);
  ~WorkingMemory();
  WorkingMemory(WorkingMemory&& other) noexcept;
  WorkingMemory& operator=(WorkingMemory&& other) noexcept;
  static std::size_t bytes(const Plan& plan, int images, int threads);

  /// Images at a time (of a plan for groups: groups).
  std::size_t images() const { return spaces_.size(); }
  /// A workspace for the image that somebody works on as thread `thread`.
  Workspace space(std::size_t image, std::size_t thread) const;

 private:
  Allocator allocator_;
  std::byte* block_ = nullptr;
  std::size_t bytes_ = 0;
  std::byte* scratch_ = nullptr;
  std::size_t scratch_stride_ = 0;
  std::vector<Workspace> spaces_;
};

}  // namespace tern::infer
