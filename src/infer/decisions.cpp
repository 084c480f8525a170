#include "infer/decisions.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "infer/steps.hpp"
#include "kernels/bitsliced/conv.hpp"
#include "kernels/kpacked/conv.hpp"

namespace tern::infer {

namespace bitsliced = kernels::bitsliced;
namespace kpacked = kernels::kpacked;

Decisions::Decisions(const std::vector<Node>& nodes, Isa isa, const std::string& kernel, const Rates& rates, i64 images)
    : nodes_(nodes),
      isa_(isa),
      kernel_(kernel),
      rates_(rates),
      images_(images),
      fused_(isa != Isa::kReference && kernel != "reference"),
      choice_(nodes.size()),
      wish_(nodes.size()),
      root_(nodes.size()) {}

std::size_t Decisions::end_of(std::size_t i) const {
  const Choice& c = choice_[i];
  if (c.quantize >= 0) return static_cast<std::size_t>(c.quantize);
  return c.chain.empty() ? i : c.chain.back();
}

kpacked::PlaneCode Decisions::plane_code(std::size_t node) const {
  return {type(node).lo, type(node).hi, wish_[root_[node]].border.value_or(0)};
}

kernels::ConvShape Decisions::plane_shape(std::size_t i) const {
  kernels::ConvShape d = nodes_[i].conv;
  if (nodes_[i].op == Op::kLinear) {
    const ValueType& image = type(root_[nodes_[i].inputs[0]]);
    d.channels = image.channels();
    d.height = d.kernel_h = image.height();
    d.width = d.kernel_w = image.width();
  }
  return d;
}

bitsliced::SlicedLayout Decisions::sliced_layout(std::size_t node) const {
  const ValueType& t = type(node);
  return {plane_code(node), t.channels(),           t.height(),
          t.width(),        geometry_->pitch(node), geometry_->margin_bits(node),
          images_,          geometry_->period(node)};
}

bitsliced::SlicedLayout Decisions::sums_layout(std::size_t i, std::span<const std::int8_t> weights) const {
  const ValueType& t = type(i);
  return {bitsliced::Conv::sum_code(plane_shape(i), weights, plane_code(nodes_[i].inputs[0])),
          t.channels(),
          t.height(),
          t.width(),
          geometry_->pitch(i),
          0,
          images_,
          geometry_->period(i)};
}

bool Decisions::is_sink(std::size_t i) const {
  return choice_[i].how == How::kLane && choice_[i].quantize >= 0 && wish_[end_of(i)].planes &&
         plane_code(end_of(i)).planes() <= kMostPlanes;
}

bool Decisions::whole_bytes(std::size_t i) const {
  const Node& n = nodes_[i];
  return (n.op != Op::kConv && n.op != Op::kLinear) || n.conv.groups == 1 || n.conv.outputs / n.conv.groups % 8 == 0;
}

namespace {

// Bit-sliced planes have a size for each channel that no image should need.
constexpr i64 kMostSlicedBytes = i64{1} << 30;

class Decider : public Decisions {
 public:
  Decider(const std::vector<Node>& nodes, Isa isa, const std::string& kernel, const Rates& rates, i64 images)
      : Decisions(nodes, isa, kernel, rates, images),
        consumers_(nodes.size(), 0),
        plane_conv_(nodes.size(), false),
        sliced_conv_(nodes.size(), false),
        made_as_planes_(nodes.size(), false) {}

  Decisions run() {
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
    return std::move(*this);
  }

 private:
  bool can_head(std::size_t i) const {
    const Node& n = nodes_[i];
    switch (n.op) {
      case Op::kConv:
      case Op::kLinear:
        return !n.has_epilogue() && (plane_conv_[i] || !codes_by_codes(i));
      case Op::kAdd:
      case Op::kQuantize:
        return true;
      default:
        return LaneChain::takes(n.op);
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
      if (nodes_[i].op == Op::kQuantize && nodes_[nodes_[i].inputs[0]].op == Op::kInput &&
          consumers_[nodes_[i].inputs[0]] == 1) {
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
      sliced_conv_[i] = border && results &&
                        (n.has_epilogue() ? bitsliced::Conv::supports(plane_shape(i), n.weight_codes, in, plane_code(i))
                                          : bitsliced::Conv::supports(plane_shape(i), n.weight_codes, in));
      // Images of a group are read in place only.
      if (images_ > 1 && (n.conv.stride_h > 1 || n.conv.stride_w > 1)) sliced_conv_[i] = false;
      if (sliced_conv_[i]) geometry_->add_conv(root_[n.inputs[0]], i, plane_shape(i));
    }
    geometry_->settle();
    for (std::size_t i = 0; images_ > 1 && i < nodes_.size(); ++i) {
      if (!sliced_conv_[i]) continue;
      const i64 pitch = geometry_->pitch(i);
      sliced_conv_[i] = geometry_->pitch(root_[nodes_[i].inputs[0]]) == pitch &&
                        bitsliced::Conv::output_pitch(plane_shape(i), pitch) == pitch;
    }
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
      made_as_planes_[i] = runs_on_planes(n.op) && n.type.is_codes()
                               ? std::any_of(n.inputs.begin(), n.inputs.end(), made)
                               : threshold_conv(i);
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
    } else if (fused_ && runs_on_planes(n.op) && type(i).is_codes() &&
               plane_code(n.inputs[0]).planes() <= kMostPlanes && (wish_[i].planes || made_as_planes_[i])) {
      c.how = How::kPlanes;
      for (const std::size_t in : n.inputs) wish_planes(in, 0, 0);
    } else {
      for (const std::size_t in : n.inputs) wish_natural(in);
    }
  }

  // ---- K-packed or bit-sliced ----

  bool has_family(std::size_t i) const {
    return choice_[i].how == How::kThresholdConv || choice_[i].how == How::kPlanes || is_sink(i);
  }
  bool moved(std::size_t i) const {
    const kernels::ConvShape shape = plane_shape(i);
    return geometry_->pitch(i) != geometry_->pitch(root_[nodes_[i].inputs[0]]) || shape.stride_h > 1 ||
           shape.stride_w > 1;
  }
  // Predicted time of a head's sums in each family.
  std::array<double, 2> source_seconds(std::size_t i) const {
    const Node& n = nodes_[i];
    const kpacked::PlaneCode in = plane_code(n.inputs[0]);
    const bool sliced = sliced_conv_[i] && can_be_sliced(n.inputs[0]) &&
                        sums_layout(i, n.weight_codes).total_bytes() <= kMostSlicedBytes;
    std::array<double, 2> out{};
    for (const auto& part : weight_parts(n)) {
      out[0] += rates_.seconds(kpacked_conv_work(plane_shape(i), part, in)) +
                rates_.seconds({floats_work(type(i), 2, false)});
      if (sliced)
        out[1] += rates_.seconds(sliced_conv_work(plane_shape(i), part, in, sums_layout(i, part), moved(i), isa_)) +
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
      for (const bool sliced_sink : {false, true})
        out[sliced_sink] = rates_.seconds({floats_work(type(i), times, rows && sliced_sink)});
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
      constexpr std::array<Layout, kValueLayouts> kLayouts = {Layout::kF32, Layout::kI8, Layout::kKpacked,
                                                              Layout::kSliced};
      for (const Layout from : kLayouts) {
        for (const Layout to : kLayouts) {
          v.convert[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)] =
              rates_.seconds(convert_work(type(i), from, to));
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

  std::vector<std::size_t> consumers_;
  std::vector<bool> plane_conv_, sliced_conv_, made_as_planes_;
};

}  // namespace

Decisions decide(const std::vector<Node>& nodes, Isa isa, const std::string& kernel, const Rates& rates, i64 images) {
  return Decider(nodes, isa, kernel, rates, images).run();
}

}  // namespace tern::infer
