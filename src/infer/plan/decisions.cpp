#include "infer/plan/decisions.hpp"

#include <algorithm>

namespace tern::infer {
namespace {

bool has_threshold_conv(const Decisions& d, std::size_t i) {
  const Multiply* m = d.task.multiply(i);
  return m && m->has_epilogue() && (d.planes.runs_kpacked(i) || d.planes.runs_sliced(i));
}

bool has_plane_form(const Task& task, std::size_t i) {
  return task.type(i).is_codes() && task.operation(i).planes().index() != 0;
}

// Which values come as planes anyway, so that pooling there and unpacking the smaller result costs less.
std::vector<bool> made_as_planes(const Decisions& d) {
  std::vector<bool> made(d.task.size());
  for (std::size_t i = 0; i < d.task.size(); ++i) {
    const std::vector<std::size_t>& in = d.task.nodes[i].inputs;
    made[i] = has_plane_form(d.task, i)
                  ? std::any_of(in.begin(), in.end(), [&](std::size_t k) { return made[d.task.root[k]]; })
                  : has_threshold_conv(d, i);
  }
  return made;
}

void wish_planes(Decisions& d, std::size_t node, i64 pad_h = 0, i64 pad_w = 0) {
  Wish& w = d.wishes[d.task.root[node]];
  w.planes = true;
  w.pad_h = std::max(w.pad_h, pad_h);
  w.pad_w = std::max(w.pad_w, pad_w);
}
void wish_plane_input(Decisions& d, std::size_t i) {
  const kernels::ConvShape& shape = d.task.multiply(i)->shape;
  wish_planes(d, d.task.nodes[i].inputs[0], shape.pad_h, shape.pad_w);
}

How how_alone(const Decisions& d, const std::vector<bool>& made, std::size_t i) {
  const Node& n = d.task.nodes[i];
  if (n.is_image()) return How::kInput;
  if (n.op->aliases) return How::kAlias;
  if (!d.task.fused) return How::kDense;
  if (has_threshold_conv(d, i)) return How::kThresholdConv;
  if (has_plane_form(d.task, i) && d.planes.code(n.inputs[0]).planes() <= kMostPlanes &&
      (d.wishes[i].planes || made[i]))
    return How::kPlanes;
  return How::kDense;
}

// Called for the readers of a value before the value's own node.
void choose(Decisions& d, const std::vector<bool>& made, std::size_t i) {
  Choice& c = d.choices[i];
  if (c.how == How::kInside || c.how == How::kCodedInput) return;
  if (c.how != How::kLane) c.how = how_alone(d, made, i);
  if (c.how == How::kThresholdConv || c.plane_source) return wish_plane_input(d, i);
  for (const std::size_t in : d.task.nodes[i].inputs) {
    Wish& w = d.wishes[d.task.root[in]];
    if (c.how == How::kPlanes)
      wish_planes(d, in);
    else if (c.how == How::kLane)
      w.f32 = true;
    else if (c.how == How::kDense)
      (d.task.type(in).is_codes() ? w.i8 : w.f32) = true;
  }
}

// Bytes of K-packed planes belong to one block of channels each, unless small groups cut them elsewhere.
bool makes_whole_bytes(const Task& task, std::size_t i) {
  const Multiply* m = task.multiply(i);
  return !m || m->shape.groups == 1 || m->shape.outputs / m->shape.groups % 8 == 0;
}

}  // namespace

std::size_t Decisions::end_of(std::size_t i) const {
  const Choice& c = choices[i];
  if (c.quantize >= 0) return static_cast<std::size_t>(c.quantize);
  return c.chain.empty() ? i : c.chain.back();
}

bool Decisions::is_sink(std::size_t i) const {
  return choices[i].how == How::kLane && choices[i].quantize >= 0 && wishes[end_of(i)].planes &&
         planes.code(end_of(i)).planes() <= kMostPlanes;
}

Layout Decisions::made(std::size_t i, Family family) const {
  if (choices[i].quantize < 0) return Layout::kF32;
  if (!is_sink(i) || (family == Family::kKpacked && !makes_whole_bytes(task, i))) return Layout::kI8;
  return layout_of(family);
}

Decisions decide(const Task& task) {
  Decisions d(task);
  if (task.fused) find_chains(d);
  const std::vector<bool> made = made_as_planes(d);
  d.wishes[task.root.back()].f32 = true;
  for (std::size_t i = task.size(); i-- > 0;) choose(d, made, i);
  if (task.fused) settle_families(d);
  return d;
}

}  // namespace tern::infer
