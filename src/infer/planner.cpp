// The planner. One walk from the last node to the first decides what runs each node and which layouts its consumers want;
// one walk forward makes the steps, converting where a producer's own layout is not the one that is wanted.
//
// kReference plans are the same with every choice switched off: one dense step a node.
#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "infer/plan.hpp"
#include "infer/steps.hpp"
#include "kernels/kpacked/conv.hpp"

namespace tern::infer {
namespace {

namespace kpacked = kernels::kpacked;

enum class How {
  kInput,
  kAlias,          // flatten: the same memory
  kDense,          // run_dense
  kThresholdConv,  // planes to planes
  kLane,           // head of a fused step: source, chain, sink
  kInside,         // computed by the fused step that it belongs to
  kPlanePool,
};

struct Wish {
  bool f32 = false, i8 = false, planes = false;
  i64 pad_h = 0, pad_w = 0;  // border that some consumer of the planes needs
  std::optional<int> border; // and the code there
};

struct Choice {
  How how = How::kDense;
  std::vector<std::size_t> chain;  // kLane: elementwise nodes after the head
  std::ptrdiff_t quantize = -1;    // kLane: the quantizer at its end
  bool plane_source = false;       // kLane
};

class Planner {
 public:
  Planner(const std::vector<Node>& nodes, Isa isa, const std::string& kernel)
      : nodes_(nodes), isa_(isa), fused_(isa != Isa::kReference && kernel != "reference"), choice_(nodes.size()),
        wish_(nodes.size()), root_(nodes.size()), consumers_(nodes.size(), 0), buffer_(nodes.size(), {-1, -1, -1}) {}

  Plan run() {
    std::iota(root_.begin(), root_.end(), std::size_t{0});
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].op == Op::kFlatten) root_[i] = root_[nodes_[i].inputs[0]];
      for (const std::size_t in : nodes_[i].inputs) ++consumers_[in];
    }
    settle_borders();
    if (fused_) find_chains();
    wish_[root_.back()].f32 = true;
    for (std::size_t i = nodes_.size(); i-- > 0;) choose(i);
    plan_.visible.assign(nodes_.size(), -1);
    for (std::size_t i = 0; i < nodes_.size(); ++i) build(i);
    plan_.output = get(nodes_.size() - 1, Layout::kF32);
    touch(plan_.output);
    for (std::size_t i = 0; i < nodes_.size(); ++i) plan_.visible[i] = native(root_[i]);
    place();
    return std::move(plan_);
  }

 private:
  const ValueType& type(std::size_t i) const { return nodes_[i].type; }
  bool is_last(std::size_t i) const { return i + 1 == nodes_.size(); }
  /// The node whose value a step of head `i` leaves.
  std::size_t end_of(std::size_t i) const {
    const Choice& c = choice_[i];
    if (c.quantize >= 0) return static_cast<std::size_t>(c.quantize);
    return c.chain.empty() ? i : c.chain.back();
  }

  bool can_head(std::size_t i) const {
    const Node& n = nodes_[i];
    switch (n.op) {
      case Op::kConv:
      case Op::kLinear: return !n.has_epilogue() && (plane_conv(i) || !codes_by_codes(i));
      case Op::kAdd:
      case Op::kQuantize: return true;
      default: return LaneChain::takes(n.op);
    }
  }

  // Nodes with a single reader join the fused step of the node that they read.
  void find_chains() {
    std::vector<std::size_t> next(nodes_.size(), nodes_.size());
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (const std::size_t in : nodes_[i].inputs) next[in] = i;
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      Choice& c = choice_[i];
      if (c.how == How::kInside || !can_head(i)) continue;
      c.how = How::kLane;
      c.plane_source = (nodes_[i].op == Op::kConv || nodes_[i].op == Op::kLinear) && plane_conv(i);
      if (nodes_[i].op == Op::kQuantize) {
        c.quantize = static_cast<std::ptrdiff_t>(i);
        continue;
      }
      if (LaneChain::takes(nodes_[i].op)) c.chain.push_back(i);
      for (std::size_t at = i; consumers_[at] == 1 && !is_last(at);) {
        at = next[at];
        if (LaneChain::takes(nodes_[at].op)) {
          c.chain.push_back(at);
        } else if (nodes_[at].op == Op::kQuantize) {
          c.quantize = static_cast<std::ptrdiff_t>(at);
        } else {
          break;
        }
        choice_[at].how = How::kInside;
        if (c.quantize >= 0) break;
      }
    }
  }

  // Planes have one border. Where consumers differ, which pack() never makes, the first one has its way.
  void settle_borders() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!codes_by_codes(i) || !nodes_[i].padded()) continue;
      std::optional<int>& border = wish_[root_[nodes_[i].inputs[0]]].border;
      if (!border) border = nodes_[i].pad_code;
    }
  }
  kpacked::PlaneCode plane_code(std::size_t node) const {
    return {type(node).lo, type(node).hi, wish_[root_[node]].border.value_or(0)};
  }

  bool codes_by_codes(std::size_t i) const {
    return !nodes_[i].weight_codes.empty() && type(nodes_[i].inputs[0]).is_codes();
  }
  // A dense layer after an image is a convolution whose kernel covers it: [O][C*H*W] is [O][C][H][W].
  kernels::ConvShape plane_shape(std::size_t i) const {
    kernels::ConvShape d = nodes_[i].conv;
    if (nodes_[i].op == Op::kLinear) {
      const ValueType& image = type(root_[nodes_[i].inputs[0]]);
      d.channels = image.channels();
      d.height = d.kernel_h = image.height();
      d.width = d.kernel_w = image.width();
    }
    return d;
  }
  bool plane_conv(std::size_t i) const {
    if (!codes_by_codes(i)) return false;
    const kpacked::PlaneCode in = plane_code(nodes_[i].inputs[0]);
    if (nodes_[i].padded() && in.border != nodes_[i].pad_code) return false;
    if (!kpacked::Conv::supports(plane_shape(i), in)) return false;
    return !nodes_[i].has_epilogue() || kpacked::PlaneCode{type(i).lo, type(i).hi}.planes() <= 7;
  }

  // Whether the value comes as planes anyway, so that pooling there and unpacking the smaller result costs less.
  bool made_as_planes(std::size_t node) const {
    const std::size_t i = root_[node];
    return nodes_[i].has_epilogue() ? plane_conv(i) : nodes_[i].op == Op::kMaxPool && made_as_planes(nodes_[i].inputs[0]);
  }

  void wish_natural(std::size_t node) {
    Wish& w = wish_[root_[node]];
    (type(node).is_codes() ? w.i8 : w.f32) = true;
  }
  void wish_planes(std::size_t node, i64 pad_h, i64 pad_w) {
    Wish& w = wish_[root_[node]];
    w.planes = true;
    w.pad_h = std::max(w.pad_h, pad_h);
    w.pad_w = std::max(w.pad_w, pad_w);
  }

  void choose(std::size_t i) {
    const Node& n = nodes_[i];
    Choice& c = choice_[i];
    if (c.how == How::kInside) return;
    if (n.op == Op::kInput) {
      c.how = How::kInput;
    } else if (n.op == Op::kFlatten) {
      c.how = How::kAlias;
    } else if (c.how == How::kLane) {
      if (c.plane_source) wish_planes(n.inputs[0], n.conv.pad_h, n.conv.pad_w);
      else for (const std::size_t in : n.inputs) wish_[root_[in]].f32 = true;
    } else if (fused_ && n.has_epilogue() && plane_conv(i)) {
      c.how = How::kThresholdConv;
      wish_planes(n.inputs[0], n.conv.pad_h, n.conv.pad_w);
    } else if (fused_ && n.op == Op::kMaxPool && type(i).is_codes() && (wish_[i].planes || made_as_planes(n.inputs[0]))) {
      c.how = How::kPlanePool;
      wish_planes(n.inputs[0], 0, 0);
    } else {
      for (const std::size_t in : n.inputs) wish_natural(in);
    }
  }

  // ---- making steps ----

  BufferId add_buffer(std::size_t node, Layout layout) {
    Buffer b;
    b.node = node;
    b.layout = layout;
    const ValueType& t = type(node);
    if (layout == Layout::kPlanes) {
      b.planes = {plane_code(node), t.channels(), t.height(), t.width(), wish_[node].pad_h, wish_[node].pad_w};
      b.bytes = static_cast<std::size_t>(b.planes.total_bytes());
    } else {
      b.bytes = static_cast<std::size_t>(t.numel()) * (layout == Layout::kF32 ? sizeof(float) : 1);
    }
    plan_.buffers.push_back(b);
    return plan_.buffers.size() - 1;
  }
  BufferId own(std::size_t node, Layout layout) {
    const BufferId id = add_buffer(node, layout);
    buffer_[node][static_cast<std::size_t>(layout)] = static_cast<std::ptrdiff_t>(id);
    return id;
  }
  std::ptrdiff_t native(std::size_t node) const {
    for (const Layout l : {type(node).is_codes() ? Layout::kI8 : Layout::kF32, Layout::kPlanes}) {
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
    const Layout source = layout != Layout::kPlanes && have(Layout::kPlanes) >= 0 ? Layout::kPlanes : Layout::kI8;
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
      case How::kInside: return;
      case How::kInput: push(make_input_step(n, own(i, Layout::kF32))); return;
      case How::kDense: return build_dense(i);
      case How::kThresholdConv: {
        const PlaneConvSpec spec = plane_spec(i);
        const BufferId out = own(i, Layout::kPlanes);
        push(make_threshold_conv_step(spec, isa_, plan_.buffers[out], out));
        return;
      }
      case How::kPlanePool: {
        const BufferId in = get(n.inputs[0], Layout::kPlanes);
        touch(in);
        const BufferId out = own(i, Layout::kPlanes);
        push(make_max_pool_step(n, plan_.buffers[in], in, plan_.buffers[out], out));
        return;
      }
      case How::kLane: return build_lane(i);
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
    push(make_dense_step(n, std::move(types), std::move(inputs), out));
  }

  PlaneConvSpec plane_spec(std::size_t i) {
    PlaneConvSpec spec;
    spec.node = &nodes_[i];
    spec.shape = plane_shape(i);
    spec.input = &type(nodes_[i].inputs[0]);
    spec.in = get(nodes_[i].inputs[0], Layout::kPlanes);
    spec.in_layout = plan_.buffers[spec.in].planes;
    touch(spec.in);
    return spec;
  }

  void build_lane(std::size_t i) {
    const Node& n = nodes_[i];
    const Choice& c = choice_[i];
    LaneSource source;
    const bool conv = n.op == Op::kConv || n.op == Op::kLinear;
    if (conv || n.op == Op::kAdd) source.node = &n;
    if (c.plane_source) {
      source.planes = plane_spec(i);
    } else {
      for (const std::size_t in : n.inputs) source.inputs.push_back(get(in, Layout::kF32));
      for (const BufferId in : source.inputs) touch(in);
      if (conv && n.padded()) source.inputs = {padded(n, source.inputs[0])};
    }
    std::vector<const Node*> chain;
    for (const std::size_t link : c.chain) chain.push_back(&nodes_[link]);
    const std::size_t end = end_of(i);
    const Node* quantize = c.quantize >= 0 ? &nodes_[end] : nullptr;
    // Bytes of planes belong to one block of channels each, unless small groups cut them elsewhere.
    const bool whole_bytes = !conv || n.conv.groups == 1 || n.conv.outputs / n.conv.groups % 8 == 0;
    const bool fits = kpacked::PlaneCode{type(end).lo, type(end).hi}.planes() <= 7;
    const Layout layout = !quantize ? Layout::kF32 : wish_[end].planes && whole_bytes && fits ? Layout::kPlanes : Layout::kI8;
    const BufferId out = own(end, layout);
    push(make_lane_step(source, chain, quantize, type(end), isa_, plan_.buffers[out], out));
  }

  BufferId padded(const Node& conv, BufferId in) {
    const BufferId out = add_buffer(plan_.buffers[in].node, Layout::kF32);
    const kernels::ConvShape& d = conv.conv;
    plan_.buffers[out].bytes = static_cast<std::size_t>(d.channels * (d.height + 2 * d.pad_h) * (d.width + 2 * d.pad_w)) * sizeof(float);
    push(make_pad_step(conv, in, out));
    plan_.steps.back()->nodes = conv.graph->name;
    touch(out);
    return out;
  }

  // Planes keep a place of their own, since their borders are written once. The others share memory: first fit, in the
  // order in which they come to life.
  void place() {
    constexpr std::size_t kAlign = 64;
    std::size_t end = 0;
    const auto aligned = [](std::size_t n) { return (n + kAlign - 1) / kAlign * kAlign; };
    for (Buffer& b : plan_.buffers) {
      if (b.layout != Layout::kPlanes) continue;
      b.offset = end;
      end += aligned(b.bytes);
    }
    const std::size_t base = end;
    std::vector<Buffer*> placed;
    for (Buffer& b : plan_.buffers) {
      if (b.layout == Layout::kPlanes) continue;
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

  const std::vector<Node>& nodes_;
  Isa isa_;
  bool fused_;
  std::vector<Choice> choice_;
  std::vector<Wish> wish_;
  std::vector<std::size_t> root_, consumers_;
  std::vector<std::array<std::ptrdiff_t, 3>> buffer_;  // [node][layout]
  Plan plan_;
};

}  // namespace

Plan make_plan(const std::vector<Node>& nodes, Isa isa, const std::string& kernel) {
  return Planner(nodes, isa, kernel).run();
}

Workspace Plan::make_workspace() const {
  Workspace w;
  w.arena.resize(arena_bytes);
  w.buffers = &buffers;
  for (BufferId id = 0; id < buffers.size(); ++id) {
    if (buffers[id].layout == Layout::kPlanes) kpacked::clear(buffers[id].planes, w.at<std::uint8_t>(id));
  }
  return w;
}

}  // namespace tern::infer
