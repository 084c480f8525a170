// The kinds of steps, and how the planner makes them.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "infer/lane_chain.hpp"
#include "infer/step.hpp"
#include "kernels/conv_shape.hpp"
#include "tern/cpu.hpp"

namespace tern::infer {

/// Bytes to normalised floats.
std::unique_ptr<Step> make_input_step(const Node& node, BufferId out);

/// One node by run_dense(); inputs are i8 for codes, else f32.
std::unique_ptr<Step> make_dense_step(const Node& node, std::vector<const ValueType*> types,
                                      std::vector<BufferId> inputs, BufferId out);

/// The same value in another layout: i8 to planes, planes to i8, i8 to f32. `from` and `to` say which.
std::unique_ptr<Step> make_convert_step(const ValueType& type, const Buffer& from, BufferId in, const Buffer& to,
                                        BufferId out);

/// A float image with the border that the convolution `conv` wants.
std::unique_ptr<Step> make_pad_step(const Node& conv, BufferId in, BufferId out);

/// Max pooling of codes, planes to planes.
std::unique_ptr<Step> make_max_pool_step(const Node& node, const Buffer& in, BufferId in_id, const Buffer& out,
                                         BufferId out_id);

/// Convolution on planes whose epilogue is integer thresholds, planes out.
struct PlaneConvSpec {
  const Node* node = nullptr;
  kernels::ConvShape shape;  ///< a dense layer after a flattened image: the kernel covers the image
  const ValueType* input = nullptr;
  BufferId in = 0;
  kernels::kpacked::PlaneLayout in_layout;
};
std::unique_ptr<Step> make_threshold_conv_step(const PlaneConvSpec& spec, Isa isa, const Buffer& out, BufferId out_id);

/// Where the floats of a lane step come from, before the chain.
struct LaneSource {
  const Node* node = nullptr;           ///< conv or linear, or add; null: the input itself
  std::optional<PlaneConvSpec> planes;  ///< codes by codes
  std::vector<BufferId> inputs;         ///< kF32: padded input of an ordered convolution, or the terms of a sum
};
/// Source, then a chain of elementwise nodes, then either floats (kF32), or codes as planes or i8 if `quantize` is given.
std::unique_ptr<Step> make_lane_step(const LaneSource& source, std::span<const Node* const> chain, const Node* quantize,
                                     const ValueType& result, Isa isa, const Buffer& out, BufferId out_id);

}  // namespace tern::infer
