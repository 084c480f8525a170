// What is decided of each node before any step is made: the first three of the planner's walks (planner.cpp).
#pragma once

#include <vector>

#include "infer/plan/families.hpp"
#include "infer/plan/plane_values.hpp"
#include "infer/plan/task.hpp"
#include "infer/steps/step.hpp"

namespace tern::infer {

/// What computes a node.
enum class How {
  kInput,
  kCodedInput,     // the quantizer of an image that nothing else reads: bytes to codes by a table
  kAlias,          // the memory of its input
  kDense,          // its plain definition
  kThresholdConv,  // planes to planes, in the family's layout
  kLane,           // head of a fused step: source, chain, sink
  kInside,         // computed by the fused step that it belongs to
  kPlanes,         // its PlaneForm, in the family's layout
};

struct Choice {
  How how = How::kDense;
  std::vector<std::size_t> chain;    // kLane: elementwise nodes after the head
  std::ptrdiff_t quantize = -1;      // kLane: the quantizer at its end
  bool plane_source = false;         // kLane: the head is codes by codes,
  Family source = Family::kKpacked;  // summed in this family
  Family family = Family::kKpacked;
};

/// In which layouts the readers of a value want it.
struct Wish {
  bool f32 = false, i8 = false;
  bool planes = false;       // in some layout
  i64 pad_h = 0, pad_w = 0;  // border that some consumer of K-packed planes needs
};

struct Decisions {
  explicit Decisions(const Task& of) : task(of), planes(of), choices(of.size()), wishes(of.size()) {}

  const Task& task;
  PlaneValues planes;
  std::vector<Choice> choices;
  std::vector<Wish> wishes;  // of roots

  /// The node whose value a step of head `i` leaves.
  std::size_t end_of(std::size_t i) const;
  /// Whether a fused step ends in codes that somebody wants as planes.
  bool is_sink(std::size_t i) const;
  /// The layout of what a fused step of head `i` leaves, where `family` is its choice.
  Layout made(std::size_t i, Family family) const;
};

Decisions decide(const Task& task);

// Its walks.

/// Nodes with a single reader join the fused step of the node that they read: how, chain, quantize and plane_source of
/// the choices.
void find_chains(Decisions& d);
/// Choice::source and family by predicted time, or as Options::kernel says.
void settle_families(Decisions& d);

}  // namespace tern::infer
