#include "infer/working_memory.hpp"

#include <new>
#include <utility>

namespace tern::infer {
namespace {

std::byte* allocate(const Allocator& a, std::size_t bytes) {
  void* p = a.allocate ? a.allocate(a.context, bytes, kAlignment)
                       : ::operator new (bytes, std::align_val_t{kAlignment}, std::nothrow);
  if (!p || reinterpret_cast<std::uintptr_t>(p) % kAlignment != 0) {
    if (p && a.allocate) a.release(a.context, p, bytes);
    throw std::bad_alloc();
  }
  return static_cast<std::byte*>(p);
}

}  // namespace

std::size_t WorkingMemory::bytes(const Plan& plan, int images, int threads) {
  return static_cast<std::size_t>(images) * whole_lines(plan.arena_bytes) +
         static_cast<std::size_t>(threads) * whole_lines(plan.scratch_bytes);
}

WorkingMemory::WorkingMemory(const Plan& plan, int images, int threads, const Allocator& allocator)
    : allocator_(allocator), bytes_(bytes(plan, images, threads)), scratch_stride_(whole_lines(plan.scratch_bytes)) {
  spaces_.reserve(static_cast<std::size_t>(images));
  block_ = allocate(allocator_, bytes_);
  const std::size_t arena = whole_lines(plan.arena_bytes);
  for (int i = 0; i < images; ++i) spaces_.push_back(plan.make_workspace(block_ + static_cast<std::size_t>(i) * arena));
  scratch_ = block_ + static_cast<std::size_t>(images) * arena;
}

WorkingMemory::~WorkingMemory() {
  if (!block_) return;
  if (allocator_.allocate)
    allocator_.release(allocator_.context, block_, bytes_);
  else
    ::operator delete (block_, std::align_val_t{kAlignment});
}

WorkingMemory::WorkingMemory(WorkingMemory&& other) noexcept { *this = std::move(other); }

WorkingMemory& WorkingMemory::operator=(WorkingMemory&& other) noexcept {
  std::swap(allocator_, other.allocator_);
  std::swap(block_, other.block_);
  std::swap(bytes_, other.bytes_);
  std::swap(scratch_, other.scratch_);
  std::swap(scratch_stride_, other.scratch_stride_);
  std::swap(spaces_, other.spaces_);
  return *this;
}

Workspace WorkingMemory::space(std::size_t image, std::size_t thread) const {
  Workspace w = spaces_[image];
  w.scratch = scratch_ + thread * scratch_stride_;
  return w;
}

}  // namespace tern::infer
