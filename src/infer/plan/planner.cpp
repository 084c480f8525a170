// The planner, in four walks.
//   1. Chains: elementwise nodes join the step of the node that they read (chains.cpp).
//   2. From the last node to the first: which nodes run on planes of bits, because what they read or feed is planes
//      (decisions.cpp).
//   3. In which of the two plane layouts, by predicted time, or as Options::kernel says (settle_families.cpp).
//   4. Forward: the steps, with conversions where a value is not made in the layout that is wanted (here).
//
// kReference plans are the same with every choice switched off: one dense step a node.
#include <algorithm>
#include <numeric>
#include <optional>

#include "infer/plan/assembly.hpp"
#include "infer/plan/decisions.hpp"
#include "infer/plan/plan.hpp"
#include "infer/steps/steps.hpp"
#include "kernels/packed/bitsliced/layout.hpp"
#include "kernels/packed/kpacked/layout.hpp"

namespace tern::infer {
namespace {

// Decisions, and what grows out of them.
struct Builder {
  const Decisions& d;
  Assembly a;

  const Node& node(std::size_t i) const { return d.task.nodes[i]; }
};

void build_dense(Builder& b, std::size_t i) {
  const Node& n = b.node(i);
  std::vector<const ValueType*> types;
  std::vector<BufferId> inputs;
  for (const std::size_t in : n.inputs) {
    types.push_back(&b.d.task.type(in));
    inputs.push_back(b.a.get(in, types.back()->is_codes() ? Layout::kI8 : Layout::kF32));
  }
  for (const BufferId id : inputs) b.a.touch(id);
  const BufferId out = b.a.own(i, n.type.is_codes() ? Layout::kI8 : Layout::kF32);
  if (b.d.task.fused && n.operation->float_windows())
    b.a.push(make_float_pool_step(n, inputs[0], out));
  else
    b.a.push(make_dense_step(n, std::move(types), std::move(inputs), out));
}

PlaneConvSpec plane_spec(Builder& b, std::size_t i, Family family) {
  PlaneConvSpec spec;
  spec.node = &b.node(i);
  spec.shape = b.d.planes.conv(i);
  spec.input = &b.d.task.in(i);
  spec.in = b.a.get(b.node(i).inputs[0], layout_of(family));
  spec.in_layout = b.a[spec.in].kpacked;
  b.a.touch(spec.in);
  return spec;
}

void build_kpacked_conv(Builder& b, std::size_t i) {
  const PlaneConvSpec spec = plane_spec(b, i, Family::kKpacked);
  const BufferId out = b.a.own(i, Layout::kKpacked);
  b.a.push(make_threshold_conv_step(spec, b.d.task.isa, b.a[out], out));
}

// The input, rearranged for a stride or another pitch if `conv` wants it; its time goes from `work` to that step.
BufferId prepared(Builder& b, const SlicedConv& conv, const PlaneConvSpec& spec, WorkList& work) {
  if (conv.prepared_bytes() == 0) return spec.in;
  Buffer buffer;
  buffer.node = b.a[spec.in].node;
  buffer.layout = Layout::kOpaque;
  buffer.bytes = static_cast<std::size_t>(conv.prepared_bytes());
  const BufferId to = b.a.shared(buffer);
  b.a.push(make_prepare_step(conv, spec, to), {work.back()});
  work.pop_back();
  b.a.touch(to);
  return to;
}

WorkList sliced_work(const Builder& b, std::size_t i, std::span<const std::int8_t> weights,
                     const kernels::bitsliced::SlicedLayout& out, bool moved) {
  return sliced_conv_work(b.d.planes.conv(i), weights, b.d.planes.code(b.node(i).inputs[0]), out, moved, b.d.task.isa);
}

void build_sliced_conv(Builder& b, std::size_t i) {
  const PlaneConvSpec spec = plane_spec(b, i, Family::kSliced);
  const BufferId out = b.a.own(i, Layout::kSliced);
  const SlicedConv conv = make_sliced_conv(spec, b.d.task.isa, b.a[spec.in], b.a[out]);
  WorkList work = sliced_work(b, i, spec.multiply().codes, b.a[out].sliced, conv.prepared_bytes() > 0);
  const BufferId from = prepared(b, conv, spec, work);
  b.a.push(make_sliced_conv_step(conv, spec, from, out), std::move(work));
}

std::vector<Sums> build_sums(Builder& b, std::size_t i, const PlaneConvSpec& spec) {
  std::vector<Sums> sums;
  std::optional<BufferId> from;
  for (const auto& part : spec.multiply().parts()) {
    Buffer buffer;
    buffer.node = i;
    buffer.layout = Layout::kSums;
    buffer.sliced = b.d.planes.sums(i, part);
    buffer.bytes = static_cast<std::size_t>(buffer.sliced.total_bytes());
    const BufferId out = b.a.shared(buffer);
    const SlicedConv conv = make_sliced_sums(spec, part, b.d.task.isa, b.a[spec.in], buffer);
    WorkList work = sliced_work(b, i, part, buffer.sliced, !from && conv.prepared_bytes() > 0);
    if (!from) from = prepared(b, conv, spec, work);
    b.a.touch(*from);
    b.a.push(make_sliced_conv_step(conv, spec, *from, out), std::move(work));
    sums.push_back({out, buffer.sliced});
  }
  return sums;
}

void build_planes(Builder& b, std::size_t i) {
  const Layout layout = layout_of(b.d.choices[i].family);
  std::vector<PlaneInput> inputs;
  for (const std::size_t in : b.node(i).inputs) inputs.push_back({&b.d.task.type(in), {}, b.a.get(in, layout)});
  for (PlaneInput& in : inputs) {
    in.buffer = b.a[in.id];
    b.a.touch(in.id);
  }
  const BufferId out = b.a.own(i, layout);
  b.a.push(make_plane_step(b.node(i), std::move(inputs), b.a[out], out));
}

// The float image `in` with the border that convolution `i` wants.
BufferId padded(Builder& b, std::size_t i, BufferId in) {
  const i64 floats = b.d.task.multiply(i)->padded_floats();
  const BufferId out = b.a.temporary(b.a[in].node, Layout::kF32, static_cast<std::size_t>(floats) * sizeof(float));
  b.a.push(make_pad_step(b.node(i), in, out));
  b.a.touch(out);
  return out;
}

LaneSource lane_source(Builder& b, std::size_t i) {
  const Node& n = b.node(i);
  const Choice& c = b.d.choices[i];
  const Multiply* m = n.operation->multiply();
  LaneSource source;
  if (m || n.operation->adds()) source.node = &n;
  if (c.plane_source) {
    source.planes = plane_spec(b, i, c.source);
    if (c.source == Family::kSliced) source.sums = build_sums(b, i, *source.planes);
    for (const Sums& s : source.sums) b.a.touch(s.id);
    return source;
  }
  for (const std::size_t in : n.inputs) source.inputs.push_back(b.a.get(in, Layout::kF32));
  for (const BufferId in : source.inputs) b.a.touch(in);
  if (m && m->padded()) source.inputs = {padded(b, i, source.inputs[0])};
  return source;
}

void build_lane(Builder& b, std::size_t i) {
  const Choice& c = b.d.choices[i];
  const LaneSource source = lane_source(b, i);
  std::vector<const Node*> chain;
  for (const std::size_t link : c.chain) chain.push_back(&b.node(link));
  const std::size_t end = b.d.end_of(i);
  const Node* quantize = c.quantize >= 0 ? &b.node(end) : nullptr;
  const BufferId out = b.a.own(end, b.d.made(i, c.family));
  b.a.push(make_lane_step(source, chain, quantize, b.d.task.type(end), b.d.task.isa, b.a[out], out));
}

void build(Builder& b, std::size_t i) {
  const Node& n = b.node(i);
  switch (b.d.choices[i].how) {
    case How::kAlias:
    case How::kInside:
      return;
    case How::kInput:
      return b.a.push(make_input_step(n, b.a.own(i, Layout::kF32)));
    case How::kCodedInput:
      return b.a.push(make_coded_input_step(b.node(n.inputs[0]), n, b.a.own(i, Layout::kI8)));
    case How::kDense:
      return build_dense(b, i);
    case How::kThresholdConv:
      return b.d.choices[i].family == Family::kSliced ? build_sliced_conv(b, i) : build_kpacked_conv(b, i);
    case How::kPlanes:
      return build_planes(b, i);
    case How::kLane:
      return build_lane(b, i);
  }
}

}  // namespace

Plan make_plan(const std::vector<Node>& nodes, Isa isa, const std::string& kernel, const Rates& rates, i64 images) {
  const Task task(nodes, isa, kernel, rates, images);
  const Decisions decisions = decide(task);
  Builder builder{decisions, Assembly(decisions)};
  for (std::size_t i = 0; i < nodes.size(); ++i) build(builder, i);
  return std::move(builder.a).finish();
}

double Plan::predicted_seconds() const { return std::accumulate(seconds.begin(), seconds.end(), 0.0); }

bool Plan::has_grouped_steps() const {
  return images > 1 && std::any_of(steps.begin(), steps.end(), [](const auto& step) { return step->is_grouped(); });
}

Workspace Plan::make_workspace(std::byte* arena) const {
  std::fill_n(arena, arena_bytes, std::byte{0});
  Workspace w;
  w.arena = arena;
  w.buffers = &buffers;
  for (BufferId id = 0; id < buffers.size(); ++id) {
    for (w.index = 0; buffers[id].layout == Layout::kKpacked && w.index < images; ++w.index) {
      kernels::kpacked::clear(buffers[id].kpacked, w.at<std::uint8_t>(id));
    }
    w.index = 0;
    if (buffers[id].layout == Layout::kSliced) kernels::bitsliced::clear(buffers[id].sliced, w.at<std::uint8_t>(id));
  }
  for (const auto& step : steps) step->init(w);
  return w;
}

}  // namespace tern::infer
