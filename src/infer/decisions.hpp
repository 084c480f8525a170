// What the planner decides about each node before any step is made: the first three of its walks (planner.cpp).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "infer/families.hpp"
#include "infer/sliced_geometry.hpp"
#include "infer/step.hpp"
#include "kernels/conv_shape.hpp"

namespace tern::infer {

/// Bits of more than 7 planes do not fit the steps that work on them.
inline constexpr int kMostPlanes = 8;

/// What computes a node.
enum class How {
  kInput,
  kCodedInput,     // the quantizer of an image that nothing else reads: bytes to codes by a table
  kAlias,          // flatten: the same memory
  kDense,          // run_dense
  kThresholdConv,  // planes to planes, in the family's layout
  kLane,           // head of a fused step: source, chain, sink
  kInside,         // computed by the fused step that it belongs to
  kPlanes,         // pooling, channels in a new order, gates, in the family's layout
};

/// In which layouts the readers of a value want it.
struct Wish {
  bool f32 = false, i8 = false;
  bool planes = false;        // in some layout
  i64 pad_h = 0, pad_w = 0;   // border that some consumer of K-packed planes needs
  std::optional<int> border;  // and the code there
};

/// What is decided of a node.
struct Choice {
  How how = How::kDense;
  std::vector<std::size_t> chain;    // kLane: elementwise nodes after the head
  std::ptrdiff_t quantize = -1;      // kLane: the quantizer at its end
  bool plane_source = false;         // kLane: the head is codes by codes,
  Family source = Family::kKpacked;  // summed in this family
  Family family = Family::kKpacked;
};

class Decisions {
 public:
  /// `images`, `kernel`: see make_plan().
  Decisions(const std::vector<Node>& nodes, Isa isa, const std::string& kernel, const Rates& rates, i64 images);

 protected:
  const ValueType& type(std::size_t i) const { return nodes_[i].type; }
  bool is_last(std::size_t i) const { return i + 1 == nodes_.size(); }
  /// The node whose value a step of head `i` leaves.
  std::size_t end_of(std::size_t i) const;
  bool codes_by_codes(std::size_t i) const {
    return !nodes_[i].weight_codes.empty() && type(nodes_[i].inputs[0]).is_codes();
  }
  kernels::kpacked::PlaneCode plane_code(std::size_t node) const;
  /// A dense layer after an image is a convolution whose kernel covers it: [O][C*H*W] is [O][C][H][W].
  kernels::ConvShape plane_shape(std::size_t i) const;
  kernels::bitsliced::SlicedLayout sliced_layout(std::size_t node) const;
  /// Of the integer sums of a head.
  kernels::bitsliced::SlicedLayout sums_layout(std::size_t i, std::span<const std::int8_t> weights) const;
  /// Whether a fused step ends in codes that somebody wants as planes.
  bool is_sink(std::size_t i) const;
  /// Bytes of K-packed planes belong to one block of channels each, unless small groups cut them elsewhere.
  bool whole_bytes(std::size_t i) const;

  const std::vector<Node>& nodes_;
  Isa isa_;
  std::string kernel_;
  Rates rates_;
  i64 images_;
  bool fused_;
  std::vector<Choice> choice_;
  std::vector<Wish> wish_;
  std::vector<std::size_t> root_;  ///< the node whose memory a value is
  std::optional<SlicedGeometry> geometry_;
};

Decisions decide(const std::vector<Node>& nodes, Isa isa, const std::string& kernel, const Rates& rates, i64 images);

}  // namespace tern::infer
