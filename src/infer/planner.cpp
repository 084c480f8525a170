// The planner, in four walks.
//   1. Chains: elementwise nodes join the step of the node that they read.
//   2. From the last node to the first: which nodes run on planes of bits, because what they read or feed is planes.
//   3. In which of the two plane layouts, by predicted time (work.hpp, families.hpp), or as Options::kernel says.
//   4. Forward: the steps, with conversions where a value is not made in the layout that is wanted.
//
// kReference plans are the same with every choice switched off: one dense step a node.
#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "infer/families.hpp"
#include "infer/plan.hpp"
#include "infer/sliced_geometry.hpp"
#include "infer/steps.hpp"
#include "kernels/bitsliced/conv.hpp"
#include "kernels/kpacked/conv.hpp"

namespace tern::infer {
namespace {

namespace bitsliced = kernels::bitsliced;
namespace kpacked = kernels::kpacked;

// Bits of more than 7 planes do not fit the steps that work on them; and bit-sliced planes have a size for each channel that
// no image should need.
constexpr int kMostPlanes = 8;
constexpr i64 kMostSlicedBytes = i64{1} << 30;

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

struct Wish {
  bool f32 = false, i8 = false;
  bool planes = false;       // in some layout
  i64 pad_h = 0, pad_w = 0;  // border that some consumer of K-packed planes needs
  std::optional<int> border; // and the code there
};

struct Choice {
  How how = How::kDense;
  std::vector<std::size_t> chain;  // kLane: elementwise nodes after the head
  std::ptrdiff_t quantize = -1;    // kLane: the quantizer at its end
  bool plane_source = false;       // kLane: the head is codes by codes,
  Family source = Family::kKpacked;// summed in this family
  Family family = Family::kKpacked;
};

class Planner {
 public:
  Planner(const std::vector<Node>& nodes, Isa isa, const std::string& kernel, const Rates& rates, i64 images)
      : nodes_(nodes), isa_(isa), kernel_(kernel), images_(images), fused_(isa != Isa::kReference && kernel != "reference"), rates_(rates),
        choice_(nodes.size()), wish_(nodes.size()), root_(nodes.size()), consumers_(nodes.size(), 0),
        plane_conv_(nodes.size(), false), sliced_conv_(nodes.size(), false), made_as_planes_(nodes.size(), false),
        buffer_(nodes.size(), {-1, -1, -1, -1}) {}

  Plan run() {
    std::iota(root_.begin(), root_.end(), std::size_t{0});
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].op == Op::kFlatten) root_[i] = root_[nodes_[i].inputs[0]];
      for (const std::size_t in : nodes_[i].inputs) ++consumers_[in];
    }
    settle_borders();
    if (fused_) {
      settle_geometry();
      find_chains();
      find_made_as_planes();
    }
    wish_[root_.back()].f32 = true;
    for (std::size_t i = nodes_.size(); i-- > 0;) choose(i);
    if (fused_) settle_families();
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
      case Op::kLinear: return !n.has_epilogue() && (plane_conv_[i] || !codes_by_codes(i));
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
      c.plane_source = (nodes_[i].op == Op::kConv || nodes_[i].op == Op::kLinear) && plane_conv_[i];
      if (nodes_[i].op == Op::kQuantize && nodes_[nodes_[i].inputs[0]].op == Op::kInput && consumers_[nodes_[i].inputs[0]] == 1) {
        c.how = How::kCodedInput;
        choice_[nodes_[i].inputs[0]].how = How::kInside;
        continue;
      }
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
  // Which convolutions each family can run, and the extents of bit-sliced values if all of them are.
  void settle_geometry() {
    std::vector<i64> widths, heights;
    for (const Node& n : nodes_) {
      widths.push_back(n.type.width());
      heights.push_back(n.type.height());
    }
    geometry_.emplace(std::move(widths), std::move(heights));
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const Node& n = nodes_[i];
      if (n.op == Op::kOr || n.op == Op::kMux) {
        for (const std::size_t in : {n.inputs[0], n.inputs[1]}) geometry_->same(root_[in], i);
      }
      if (!codes_by_codes(i)) continue;
      const kpacked::PlaneCode in = plane_code(n.inputs[0]);
      const bool border = !n.padded() || in.border == n.pad_code;
      const bool results = !n.has_epilogue() || plane_code(i).planes() <= kMostPlanes;
      plane_conv_[i] = border && results && kpacked::Conv::supports(plane_shape(i), in);
      sliced_conv_[i] = border && results && (n.has_epilogue() ? bitsliced::Conv::supports(plane_shape(i), n.weight_codes, in, plane_code(i))
                                                               : bitsliced::Conv::supports(plane_shape(i), n.weight_codes, in));
      // Images of a group are read in place only.
      if (images_ > 1 && (n.conv.stride_h > 1 || n.conv.stride_w > 1)) sliced_conv_[i] = false;
      if (sliced_conv_[i]) geometry_->add_conv(root_[n.inputs[0]], i, plane_shape(i));
    }
    geometry_->settle();
    for (std::size_t i = 0; images_ > 1 && i < nodes_.size(); ++i) {
      if (!sliced_conv_[i]) continue;
      const i64 pitch = geometry_->pitch(i);
      sliced_conv_[i] = geometry_->pitch(root_[nodes_[i].inputs[0]]) == pitch && bitsliced::Conv::output_pitch(plane_shape(i), pitch) == pitch;
    }
  }
  bitsliced::SlicedLayout sliced_layout(std::size_t node) const {
    const ValueType& t = type(node);
    return {plane_code(node), t.channels(), t.height(), t.width(), geometry_->pitch(node), geometry_->margin_bits(node),
            images_, geometry_->period(node)};
  }
  // Of the integer sums of a head.
  bitsliced::SlicedLayout sums_layout(std::size_t i, std::span<const std::int8_t> weights) const {
    const ValueType& t = type(i);
    return {bitsliced::Conv::sum_code(plane_shape(i), weights, plane_code(nodes_[i].inputs[0])), t.channels(), t.height(), t.width(),
            geometry_->pitch(i), 0, images_, geometry_->period(i)};
  }
  bool can_be_sliced(std::size_t node) const {
    const bitsliced::SlicedLayout d = sliced_layout(root_[node]);
    return d.code.planes() <= kMostPlanes && d.total_bytes() <= kMostSlicedBytes;
  }
  bool threshold_conv(std::size_t i) const { return nodes_[i].has_epilogue() && (plane_conv_[i] || sliced_conv_[i]); }

  // Which values come as planes anyway, so that pooling there and unpacking the smaller result costs less.
  void find_made_as_planes() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const auto made = [this](std::size_t in) { return made_as_planes_[root_[in]]; };
      const Node& n = nodes_[i];
      made_as_planes_[i] = runs_on_planes(n.op) && n.type.is_codes() ? std::any_of(n.inputs.begin(), n.inputs.end(), made) : threshold_conv(i);
    }
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
    if (c.how == How::kInside || c.how == How::kCodedInput) return;
    if (n.op == Op::kInput) {
      c.how = How::kInput;
    } else if (n.op == Op::kFlatten) {
      c.how = How::kAlias;
    } else if (c.how == How::kLane) {
      if (c.plane_source) {
        wish_planes(n.inputs[0], n.conv.pad_h, n.conv.pad_w);
      } else {
        for (const std::size_t in : n.inputs) wish_[root_[in]].f32 = true;
      }
    } else if (fused_ && threshold_conv(i)) {
      c.how = How::kThresholdConv;
      wish_planes(n.inputs[0], n.conv.pad_h, n.conv.pad_w);
    } else if (fused_ && runs_on_planes(n.op) && type(i).is_codes() && plane_code(n.inputs[0]).planes() <= kMostPlanes &&
               (wish_[i].planes || made_as_planes_[i])) {
      c.how = How::kPlanes;
      for (const std::size_t in : n.inputs) wish_planes(in, 0, 0);
    } else {
      for (const std::size_t in : n.inputs) wish_natural(in);
    }
  }

  // ---- K-packed or bit-sliced ----

  bool is_sink(std::size_t i) const {
    return choice_[i].how == How::kLane && choice_[i].quantize >= 0 && wish_[end_of(i)].planes &&
           plane_code(end_of(i)).planes() <= kMostPlanes;
  }
  // Bytes of K-packed planes belong to one block of channels each, unless small groups cut them elsewhere.
  bool whole_bytes(std::size_t i) const {
    const Node& n = nodes_[i];
    return (n.op != Op::kConv && n.op != Op::kLinear) || n.conv.groups == 1 || n.conv.outputs / n.conv.groups % 8 == 0;
  }
  bool has_family(std::size_t i) const {
    return choice_[i].how == How::kThresholdConv || choice_[i].how == How::kPlanes || is_sink(i);
  }
  bool moved(std::size_t i) const {
    const kernels::ConvShape shape = plane_shape(i);
    return geometry_->pitch(i) != geometry_->pitch(root_[nodes_[i].inputs[0]]) || shape.stride_h > 1 || shape.stride_w > 1;
  }
  // Predicted time of a head's sums in each family.
  std::array<double, 2> source_seconds(std::size_t i) const {
    const Node& n = nodes_[i];
    const kpacked::PlaneCode in = plane_code(n.inputs[0]);
    const bool sliced = sliced_conv_[i] && can_be_sliced(n.inputs[0]) && sums_layout(i, n.weight_codes).total_bytes() <= kMostSlicedBytes;
    std::array<double, 2> out{};
    for (const auto& part : weight_parts(n)) {
      out[0] += rates_.seconds(kpacked_conv_work(plane_shape(i), part, in)) + rates_.seconds({floats_work(type(i), 2, false)});
      if (sliced) out[1] += rates_.seconds(sliced_conv_work(plane_shape(i), part, in, sums_layout(i, part), moved(i), isa_)) +
                            rates_.seconds(sums_work(type(i))) + rates_.seconds({floats_work(type(i), 2, true)});
    }
    if (!sliced) out[1] = kCannot;
    return out;
  }
  // Predicted time of the step in each family.
  std::array<double, 2> family_seconds(std::size_t i) const {
    const Node& n = nodes_[i];
    std::array<double, 2> out{};
    bool sliced = can_be_sliced(end_of(i));
    for (const std::size_t in : n.inputs) sliced = sliced && (choice_[i].how == How::kLane || can_be_sliced(in));
    if (choice_[i].how == How::kThresholdConv) {
      const kpacked::PlaneCode in = plane_code(n.inputs[0]);
      const kernels::ConvShape shape = plane_shape(i);
      out = {rates_.seconds(kpacked_conv_work(shape, n.weight_codes, in)),
             rates_.seconds(sliced_conv_work(shape, n.weight_codes, in, sliced_layout(i), moved(i), isa_))};
      if (!plane_conv_[i]) out[0] = kCannot;
      sliced = sliced && sliced_conv_[i];
    } else if (choice_[i].how == How::kPlanes) {
      std::vector<const ValueType*> in;
      for (const std::size_t k : n.inputs) in.push_back(&type(k));
      out = {rates_.seconds(plane_work(n, in, Layout::kKpacked)), rates_.seconds(plane_work(n, in, Layout::kSliced))};
    } else {
      const bool rows = n.op != Op::kConv && n.op != Op::kLinear;
      const std::size_t times = 2 + choice_[i].chain.size() + n.inputs.size();
      for (const bool sliced_sink : {false, true}) out[sliced_sink] = rates_.seconds({floats_work(type(i), times, rows && sliced_sink)});
      out[1] += rates_.seconds(rows ? row_pack_work(type(end_of(i))) : turn_work(type(end_of(i))));
    }
    if (!sliced) out[1] = kCannot;
    return out;
  }

  void settle_families() {
    FamilyProblem p;
    p.values.resize(nodes_.size());
    std::vector<Family*> owner;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (choice_[i].plane_source) {
        const std::size_t in = root_[nodes_[i].inputs[0]];
        p.values[in].readers.push_back(owner.size());
        p.variables.push_back({.seconds = source_seconds(i), .values = {in}});
        owner.push_back(&choice_[i].source);
      }
      if (!has_family(i)) continue;
      FamilyProblem::Variable v;
      v.seconds = family_seconds(i);
      // A sink that cannot write whole bytes, or whose value nobody wants in such bits, writes numbers.
      if (is_sink(i) && !whole_bytes(i)) v.makes[0] = Layout::kI8;
      if (v.seconds[0] >= kCannot && v.seconds[1] >= kCannot) v.seconds[0] = 0;
      const std::size_t made = end_of(i);
      v.values.push_back(made);
      p.values[made].maker = static_cast<std::ptrdiff_t>(owner.size());
      if (!is_sink(i)) {
        for (const std::size_t in : nodes_[i].inputs) {
          v.values.push_back(root_[in]);
          p.values[root_[in]].readers.push_back(owner.size());
        }
      }
      p.variables.push_back(std::move(v));
      owner.push_back(&choice_[i].family);
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!type(i).is_codes()) continue;
      FamilyProblem::Value& v = p.values[i];
      v.wanted = {wish_[i].f32, wish_[i].i8, false, false};
      constexpr std::array<Layout, kValueLayouts> kLayouts = {Layout::kF32, Layout::kI8, Layout::kKpacked, Layout::kSliced};
      for (const Layout from : kLayouts) {
        for (const Layout to : kLayouts) {
          v.convert[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)] = rates_.seconds(convert_work(type(i), from, to));
        }
      }
    }
    if (kernel_.empty()) {
      const std::vector<Family> families = choose_families(p);
      for (std::size_t k = 0; k < owner.size(); ++k) *owner[k] = families[k];
      return;
    }
    const auto want = static_cast<std::size_t>(kernel_ == "bitsliced" ? Family::kSliced : Family::kKpacked);
    for (std::size_t k = 0; k < owner.size(); ++k) {
      *owner[k] = static_cast<Family>(p.variables[k].seconds[want] < kCannot ? want : 1 - want);
    }
  }

  // ---- making steps ----

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
      case How::kInside: return;
      case How::kInput: push(make_input_step(n, own(i, Layout::kF32))); return;
      case How::kCodedInput: push(make_coded_input_step(nodes_[n.inputs[0]], n, own(i, Layout::kI8))); return;
      case How::kDense: return build_dense(i);
      case How::kThresholdConv: return choice_[i].family == Family::kSliced ? build_sliced_conv(i) : build_kpacked_conv(i);
      case How::kPlanes: return build_planes(i);
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
    if (fused_ && n.op == Op::kMaxPool && !n.type.is_codes()) push(make_float_pool_step(n, inputs[0], out));
    else push(make_dense_step(n, std::move(types), std::move(inputs), out));
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
    WorkList work = sliced_conv_work(spec.shape, nodes_[i].weight_codes, plane_code(nodes_[i].inputs[0]), sliced_layout(i),
                                     conv.prepared_bytes() > 0, isa_);
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
      WorkList work = sliced_conv_work(spec.shape, part, plane_code(nodes_[i].inputs[0]), b.sliced, !from && conv.prepared_bytes() > 0, isa_);
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
    set_bytes(plan_.buffers[out], static_cast<std::size_t>(d.channels * (d.height + 2 * d.pad_h) * (d.width + 2 * d.pad_w)) * sizeof(float));
    push(make_pad_step(conv, in, out));
    plan_.steps.back()->nodes = conv.graph->name;
    touch(out);
    return out;
  }

  // What is_lasting() keeps a place of its own, since its borders are written once. The others share memory: first fit, in the
  // order in which they come to life.
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

  const std::vector<Node>& nodes_;
  Isa isa_;
  std::string kernel_;
  i64 images_;
  bool fused_;
  Rates rates_;
  std::vector<Choice> choice_;
  std::vector<Wish> wish_;
  std::vector<std::size_t> root_, consumers_;
  std::vector<bool> plane_conv_, sliced_conv_, made_as_planes_;
  std::optional<SlicedGeometry> geometry_;
  std::vector<std::array<std::ptrdiff_t, kValueLayouts>> buffer_;  // [node][layout]
  Plan plan_;
};

}  // namespace

Plan make_plan(const std::vector<Node>& nodes, Isa isa, const std::string& kernel, const Rates& rates, i64 images) {
  return Planner(nodes, isa, kernel, rates, images).run();
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
