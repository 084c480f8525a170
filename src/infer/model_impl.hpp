// What a model is inside: nodes that point into the packed model, and the plans of single images and of groups.
#pragma once

#include <mutex>

#include "infer/plan/plan.hpp"
#include "tern/infer.hpp"

namespace tern::infer {

/// Images that share the vectors of bit-sliced convolutions: 8 of 7x7 pixels and their border fill 512 positions.
inline constexpr i64 kGroup = 8;

struct Model::Impl {
  Impl(packed::Model m, const Options& o);

  const ValueType& input() const { return nodes.front().type; }
  i64 classes() const { return nodes.back().type.numel(); }
  /// For kGroup images at a time; null if it would not be faster. Made when somebody first asks.
  const Plan* group() const;

  packed::Model file;
  Isa isa;
  std::string kernel;
  bool calibrate;
  std::vector<Node> nodes;  // point into file
  Plan plan;

 private:
  Rates rates() const;

  mutable std::once_flag group_settled_;
  mutable Plan group_;
  mutable bool group_useful_ = false;
};

/// Of what a session is made of: arenas for single images and for groups of them.
struct SessionSizes {
  int threads = 1, images = 1, groups = 0;
};
/// Errors: ValueError on options.
SessionSizes session_sizes(const Model::Impl& model, const Options& options, int threads);
void check_session_options(const Options& options);

}  // namespace tern::infer
