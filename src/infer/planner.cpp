// The planner, in four walks.
//   1. Chains: elementwise nodes join the step of the node that they read.
//   2. From the last node to the first: which nodes run on planes of bits, because what they read or feed is planes.
//   3. In which of the two plane layouts, by predicted time (work.hpp, families.hpp), or as Options::kernel says.
//   4. Forward: the steps, with conversions where a value is not made in the layout that is wanted.
//
// The first three: decisions.hpp. kReference plans are the same with every choice switched off: one dense step a node.
#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "infer/decisions.hpp"
#include "infer/plan.hpp"
#include "infer/steps.hpp"
#include "kernels/bitsliced/conv.hpp"
#include "kernels/kpacked/conv.hpp"

namespace tern::infer {
namespace {

namespace bitsliced = kernels::bitsliced;
namespace kpacked = kernels::kpacked;

class Builder : private Decisions {
 public:
  explicit Builder(Decisions decisions) : Decisions(std::move(decisions)), buffer_(nodes_.size(), {-1, -1, -1, -1}) {}

  Plan run() {
    plan_.visible.assign(nodes_.size(), -1);
    for (std::size_t i = 0; i < nodes_.size(); ++i) build(i);
    plan_.output = get(nodes_.size() - 1, Layout::kF32);
    touch(plan_.output);
    plan_.images = images_;
    for (const auto& step : plan_.steps) plan_.seconds.push_back(rates_.seconds(step->work));
    for (std::size_t i = 0; i < nodes_.size(); ++i) plan_.visible[i] = native(root_[i]);
    place();
    return std::move(plan_);
  }

 private:
  BufferId add_buffer(std::size_t node, Layout layout) {
    Buffer b;
    b.node = node;
    b.layout = layout;
    const ValueType& t = type(node);
    if (layout == Layout::kKpacked) {
      b.kpacked = {plane_code(node), t.channels(), t.height(), t.width(), wish_[node].pad_h, wish_[node].pad_w};
      b.bytes = static_cast<std::size_t>(b.kpacked.total_bytes());
    } else if (layout == Layout::kSliced) {
      b.sliced = sliced_layout(node);
      b.bytes = static_cast<std::size_t>(b.sliced.total_bytes());
    } else {
      b.bytes = static_cast<std::size_t>(t.numel()) * (layout == Layout::kF32 ? sizeof(float) : 1);
    }
    if (layout != Layout::kSliced) set_bytes(b, b.bytes);
    plan_.buffers.push_back(b);
    return plan_.buffers.size() - 1;
  }
  // One after the other for each image of the group, on whole cache lines.
  void set_bytes(Buffer& b, std::size_t bytes) const {
    b.stride = images_ > 1 ? aligned(bytes) : 0;
    b.bytes = images_ > 1 ? b.stride * static_cast<std::size_t>(images_) : bytes;
  }
  BufferId own(std::size_t node, Layout layout) {
    const BufferId id = add_buffer(node, layout);
    buffer_[node][static_cast<std::size_t>(layout)] = static_cast<std::ptrdiff_t>(id);
    return id;
  }
  std::ptrdiff_t native(std::size_t node) const {
    for (const Layout l : {type(node).is_codes() ? Layout::kI8 : Layout::kF32, Layout::kKpacked, Layout::kSliced}) {
      if (const std::ptrdiff_t id = buffer_[node][static_cast<std::size_t>(l)]; id >= 0) return id;
    }
    return -1;
  }
  void push(std::unique_ptr<Step> step) {
    Buffer& out = plan_.buffers[step->output];
    out.first_step = out.last_step = plan_.steps.size();
    plan_.steps.push_back(std::move(step));
  }
  void touch(BufferId id) { plan_.buffers[id].last_step = std::max(plan_.buffers[id].last_step, plan_.steps.size()); }

  // The buffer of a value in a layout, converted now if it is not there yet.
  BufferId get(std::size_t node_index, Layout layout) {
    const std::size_t node = root_[node_index];
    const auto have = [&](Layout l) { return buffer_[node][static_cast<std::size_t>(l)]; };
    if (have(layout) >= 0) return static_cast<BufferId>(have(layout));
    Layout source = Layout::kI8;
    for (const Layout l : {Layout::kSliced, Layout::kKpacked}) {
      if (have(l) >= 0) source = l;
    }
    const auto from = static_cast<BufferId>(have(source));
    const BufferId to = own(node, layout);
    touch(from);
    auto step = make_convert_step(type(node), plan_.buffers[from], from, plan_.buffers[to], to);
    step->nodes = nodes_[node].graph->name;
    push(std::move(step));
    return to;
  }

  void build(std::size_t i) {
    const Node& n = nodes_[i];
    switch (choice_[i].how) {
      case How::kAlias:
      case How::kInside:
        return;
      case How::kInput:
        push(make_input_step(n, own(i, Layout::kF32)));
        return;
      case How::kCodedInput:
        push(make_coded_input_step(nodes_[n.inputs[0]], n, own(i, Layout::kI8)));
        return;
      case How::kDense:
        return build_dense(i);
      case How::kThresholdConv:
        return choice_[i].family == Family::kSliced ? build_sliced_conv(i) : build_kpacked_conv(i);
      case How::kPlanes:
        return build_planes(i);
      case How::kLane:
        return build_lane(i);
    }
  }

  void build_dense(std::size_t i) {
    const Node& n = nodes_[i];
    std::vector<const ValueType*> types;
    std::vector<BufferId> inputs;
    for (const std::size_t in : n.inputs) {
      types.push_back(&type(in));
      inputs.push_back(get(in, type(in).is_codes() ? Layout::kI8 : Layout::kF32));
    }
    for (const BufferId id : inputs) touch(id);
    const BufferId out = own(i, n.type.is_codes() ? Layout::kI8 : Layout::kF32);
    if (fused_ && n.op == Op::kMaxPool && !n.type.is_codes())
      push(make_float_pool_step(n, inputs[0], out));
    else
      push(make_dense_step(n, std::move(types), std::move(inputs), out));
  }

  PlaneConvSpec plane_spec(std::size_t i, Layout layout) {
    PlaneConvSpec spec;
    spec.node = &nodes_[i];
    spec.shape = plane_shape(i);
    spec.input = &type(nodes_[i].inputs[0]);
    spec.in = get(nodes_[i].inputs[0], layout);
    spec.in_layout = plan_.buffers[spec.in].kpacked;
    touch(spec.in);
    return spec;
  }

  void build_kpacked_conv(std::size_t i) {
    const PlaneConvSpec spec = plane_spec(i, Layout::kKpacked);
    const BufferId out = own(i, Layout::kKpacked);
    push(make_threshold_conv_step(spec, isa_, plan_.buffers[out], out));
  }

  // Rearranged for a stride or another pitch, if `conv` wants it; its time goes from `work` to that step.
  BufferId prepared(const SlicedConv& conv, const PlaneConvSpec& spec, WorkList& work) {
    if (conv.prepared_bytes() == 0) return spec.in;
    Buffer b;
    b.node = plan_.buffers[spec.in].node;
    b.layout = Layout::kOpaque;
    b.bytes = static_cast<std::size_t>(conv.prepared_bytes());
    plan_.buffers.push_back(b);
    const BufferId to = plan_.buffers.size() - 1;
    push(make_prepare_step(conv, spec, to));
    plan_.steps.back()->work = {work.back()};
    work.pop_back();
    touch(to);
    return to;
  }

  void build_sliced_conv(std::size_t i) {
    const PlaneConvSpec spec = plane_spec(i, Layout::kSliced);
    const BufferId out = own(i, Layout::kSliced);
    const SlicedConv conv = make_sliced_conv(spec, isa_, plan_.buffers[spec.in], plan_.buffers[out]);
    WorkList work = sliced_conv_work(spec.shape, nodes_[i].weight_codes, plane_code(nodes_[i].inputs[0]),
                                     sliced_layout(i), conv.prepared_bytes() > 0, isa_);
    const BufferId from = prepared(conv, spec, work);
    push(make_sliced_conv_step(conv, spec, from, out));
    plan_.steps.back()->work = std::move(work);
  }

  std::vector<Sums> build_sums(std::size_t i, const PlaneConvSpec& spec) {
    std::vector<Sums> sums;
    std::optional<BufferId> from;
    for (const auto& part : weight_parts(nodes_[i])) {
      Buffer b;
      b.node = i;
      b.layout = Layout::kSums;
      b.sliced = sums_layout(i, part);
      b.bytes = static_cast<std::size_t>(b.sliced.total_bytes());
      plan_.buffers.push_back(b);
      const BufferId out = plan_.buffers.size() - 1;
      const SlicedConv conv = make_sliced_sums(spec, part, isa_, plan_.buffers[spec.in], b);
      WorkList work = sliced_conv_work(spec.shape, part, plane_code(nodes_[i].inputs[0]), b.sliced,
                                       !from && conv.prepared_bytes() > 0, isa_);
      if (!from) from = prepared(conv, spec, work);
      touch(*from);
      push(make_sliced_conv_step(conv, spec, *from, out));
      plan_.steps.back()->work = std::move(work);
      sums.push_back({out, b.sliced});
    }
    return sums;
  }

  void build_planes(std::size_t i) {
    const Layout layout = layout_of(choice_[i].family);
    std::vector<PlaneInput> inputs;
    for (const std::size_t in : nodes_[i].inputs) inputs.push_back({&type(in), {}, get(in, layout)});
    for (PlaneInput& in : inputs) {
      in.buffer = plan_.buffers[in.id];
      touch(in.id);
    }
    const BufferId out = own(i, layout);
    push(make_plane_step(nodes_[i], std::move(inputs), plan_.buffers[out], out));
  }

  void build_lane(std::size_t i) {
    const Node& n = nodes_[i];
    const Choice& c = choice_[i];
    LaneSource source;
    const bool conv = n.op == Op::kConv || n.op == Op::kLinear;
    if (conv || n.op == Op::kAdd) source.node = &n;
    if (c.plane_source) {
      source.planes = plane_spec(i, layout_of(c.source));
      if (c.source == Family::kSliced) source.sums = build_sums(i, *source.planes);
      for (const Sums& s : source.sums) touch(s.id);
    } else {
      for (const std::size_t in : n.inputs) source.inputs.push_back(get(in, Layout::kF32));
      for (const BufferId in : source.inputs) touch(in);
      if (conv && n.padded()) source.inputs = {padded(n, source.inputs[0])};
    }
    std::vector<const Node*> chain;
    for (const std::size_t link : c.chain) chain.push_back(&nodes_[link]);
    const std::size_t end = end_of(i);
    const Node* quantize = c.quantize >= 0 ? &nodes_[end] : nullptr;
    Layout layout = !quantize ? Layout::kF32 : Layout::kI8;
    if (is_sink(i) && (c.family == Family::kSliced || whole_bytes(i))) layout = layout_of(c.family);
    const BufferId out = own(end, layout);
    push(make_lane_step(source, chain, quantize, type(end), isa_, plan_.buffers[out], out));
  }

  BufferId padded(const Node& conv, BufferId in) {
    const BufferId out = add_buffer(plan_.buffers[in].node, Layout::kF32);
    const kernels::ConvShape& d = conv.conv;
    set_bytes(
        plan_.buffers[out],
        static_cast<std::size_t>(d.channels * (d.height + 2 * d.pad_h) * (d.width + 2 * d.pad_w)) * sizeof(float));
    push(make_pad_step(conv, in, out));
    plan_.steps.back()->nodes = conv.graph->name;
    touch(out);
    return out;
  }

  // What is_lasting() keeps a place of its own, since its borders are written once. The others share memory: first fit,
  // in the order in which they come to life.
  static std::size_t aligned(std::size_t n) {
    constexpr std::size_t kAlign = 64;
    return (n + kAlign - 1) / kAlign * kAlign;
  }
  static bool is_lasting(const Buffer& b) { return is_planes(b.layout) || b.layout == Layout::kOpaque; }
  void place() {
    std::size_t end = 0;
    for (Buffer& b : plan_.buffers) {
      if (!is_lasting(b)) continue;
      b.offset = end;
      end += aligned(b.bytes);
    }
    const std::size_t base = end;
    std::vector<Buffer*> placed;
    for (Buffer& b : plan_.buffers) {
      if (is_lasting(b)) continue;
      std::vector<const Buffer*> alive;
      for (const Buffer* o : placed) {
        if (o->last_step >= b.first_step && b.last_step >= o->first_step) alive.push_back(o);
      }
      std::sort(alive.begin(), alive.end(), [](const Buffer* x, const Buffer* y) { return x->offset < y->offset; });
      std::size_t at = base;
      for (const Buffer* o : alive) {
        if (o->offset >= at + b.bytes) break;
        at = std::max(at, aligned(o->offset + o->bytes));
      }
      b.offset = at;
      end = std::max(end, aligned(at + b.bytes));
      placed.push_back(&b);
    }
    plan_.arena_bytes = end;
  }

  std::vector<std::array<std::ptrdiff_t, kValueLayouts>> buffer_;  // [node][layout]
  Plan plan_;
};

}  // namespace

Plan make_plan(const std::vector<Node>& nodes, Isa isa, const std::string& kernel, const Rates& rates, i64 images) {
  return Builder(decide(nodes, isa, kernel, rates, images)).run();
}

double Plan::predicted_seconds() const { return std::accumulate(seconds.begin(), seconds.end(), 0.0); }

bool Plan::has_grouped_steps() const {
  return images > 1 && std::any_of(steps.begin(), steps.end(), [](const auto& step) { return step->is_grouped(); });
}

Workspace Plan::make_workspace() const {
  Workspace w;
  w.arena.resize(arena_bytes);
  w.buffers = &buffers;
  for (BufferId id = 0; id < buffers.size(); ++id) {
    for (w.index = 0; buffers[id].layout == Layout::kKpacked && w.index < images; ++w.index) {
      kpacked::clear(buffers[id].kpacked, w.at<std::uint8_t>(id));
    }
    w.index = 0;
    if (buffers[id].layout == Layout::kSliced) bitsliced::clear(buffers[id].sliced, w.at<std::uint8_t>(id));
  }
  for (const auto& step : steps) step->init(w);
  return w;
}

}  // namespace tern::infer
