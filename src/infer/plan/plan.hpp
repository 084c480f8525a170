// A plan: which step computes which nodes, in which layout, and where every buffer lies in one arena.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "infer/ops/node.hpp"
#include "infer/plan/rates.hpp"
#include "infer/steps/step.hpp"
#include "tern/cpu.hpp"

namespace tern::infer {

struct Plan {
  std::vector<std::unique_ptr<Step>> steps;
  std::vector<Buffer> buffers;
  /// For each node the buffer that a tap reads, or -1: the node lives inside a fused step.
  std::vector<std::ptrdiff_t> visible;
  std::vector<double> seconds;  ///< predicted for each step and image
  i64 images = 1;               ///< that it runs together
  BufferId output = 0;          ///< kF32, the logits
  std::size_t arena_bytes = 0;
  std::size_t scratch_bytes = 0;  ///< the most that a step wants

  double predicted_seconds() const;
  bool has_grouped_steps() const;
  /// A workspace with its plane borders in place, in arena_bytes of memory; without scratch.
  Workspace make_workspace(std::byte* arena) const;
};

/// `kernel`: see Options. `images`: how many the plan runs together. Every step works on one after the other, but for
/// bit-sliced convolutions, whose vectors hold positions of all of them. Errors: none, the nodes are checked.
Plan make_plan(const std::vector<Node>& nodes, Isa isa, const std::string& kernel, const Rates& rates, i64 images = 1);

}  // namespace tern::infer
