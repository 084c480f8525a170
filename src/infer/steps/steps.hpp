// The kinds of steps, and how the planner makes them.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "infer/steps/lane_chain.hpp"
#include "infer/steps/step.hpp"
#include "kernels/conv_shape.hpp"
#include "tern/cpu.hpp"

namespace tern::kernels::bitsliced {
class Conv;
}

namespace tern::infer {

/// Bytes to normalised floats.
std::unique_ptr<Step> make_input_step(const Node& node, BufferId out);

/// Bytes to the codes that the quantizer `codes` has for the normalised image.
std::unique_ptr<Step> make_coded_input_step(const Node& node, const Node& codes, BufferId out);

/// One node by its plain definition; inputs are i8 for codes, else f32.
std::unique_ptr<Step> make_dense_step(const Node& node, std::vector<const ValueType*> types,
                                      std::vector<BufferId> inputs, BufferId out);

/// The same value in another layout: i8 to f32, planes to i8 and f32 and back to planes, one kind of planes to the
/// other.
std::unique_ptr<Step> make_convert_step(const ValueType& type, const Buffer& from, BufferId in, const Buffer& to,
                                        BufferId out);
WorkList convert_work(const ValueType& type, Layout from, Layout to);

/// Max pooling of floats, a row of windows at a time.
std::unique_ptr<Step> make_float_pool_step(const Node& node, BufferId in, BufferId out);

/// A float image with the border that the convolution `conv` wants.
std::unique_ptr<Step> make_pad_step(const Node& conv, BufferId in, BufferId out);

/// A node that has a PlaneForm: planes to planes of the same layout, that of `out`.
struct PlaneInput {
  const ValueType* type = nullptr;
  Buffer buffer;
  BufferId id = 0;
};
std::unique_ptr<Step> make_plane_step(const Node& node, std::vector<PlaneInput> inputs, const Buffer& out,
                                      BufferId out_id);
/// `input`: type of the first.
WorkList plane_work(const Node& node, const ValueType& input, Layout layout);

/// Convolution on planes.
struct PlaneConvSpec {
  const Node* node = nullptr;  ///< a Multiply
  kernels::ConvShape shape;    ///< a dense layer after a flattened image: the kernel covers the image
  const ValueType* input = nullptr;
  BufferId in = 0;
  kernels::kpacked::PlaneLayout in_layout;  ///< K-packed ones

  const Multiply& multiply() const { return *node->operation->multiply(); }
};
/// With integer thresholds, K-packed planes to K-packed planes.
std::unique_ptr<Step> make_threshold_conv_step(const PlaneConvSpec& spec, Isa isa, const Buffer& out, BufferId out_id);

/// The same, bit-sliced planes to bit-sliced planes. If prepared_bytes() is not 0, a prepare step writes so many and
/// the convolution reads them.
struct SlicedConv {
  std::shared_ptr<const kernels::bitsliced::Conv> conv;
  std::string name;
  i64 prepared_bytes() const;
};
SlicedConv make_sliced_conv(const PlaneConvSpec& spec, Isa isa, const Buffer& in, const Buffer& out);
/// Without thresholds: integer sums of one of Multiply::parts(), which a lane step makes floats of.
SlicedConv make_sliced_sums(const PlaneConvSpec& spec, std::span<const std::int8_t> part, Isa isa, const Buffer& in,
                            const Buffer& out);
std::unique_ptr<Step> make_prepare_step(const SlicedConv& conv, const PlaneConvSpec& spec, BufferId out);
std::unique_ptr<Step> make_sliced_conv_step(const SlicedConv& conv, const PlaneConvSpec& spec, BufferId from,
                                            BufferId out);

/// Integer sums in bit-sliced planes.
struct Sums {
  BufferId id = 0;
  kernels::bitsliced::SlicedLayout layout;
};

/// Where the floats of a lane step come from, before the chain.
struct LaneSource {
  const Node* node = nullptr;           ///< a Multiply, or a sum of its inputs; null: the input itself
  std::optional<PlaneConvSpec> planes;  ///< codes by codes
  std::vector<Sums> sums;        ///< of `planes`, for each of Multiply::parts(); empty: counted in K-packed planes
  std::vector<BufferId> inputs;  ///< kF32: padded input of an ordered convolution, or the terms of a sum
};
/// Source, then a chain of elementwise nodes, then either floats (kF32), or codes as planes or i8 if `quantize` is
/// given.
std::unique_ptr<Step> make_lane_step(const LaneSource& source, std::span<const Node* const> chain, const Node* quantize,
                                     const ValueType& result, Isa isa, const Buffer& out, BufferId out_id);

}  // namespace tern::infer
