#include "infer/plan/plane_values.hpp"

#include <variant>

#include "kernels/packed/bitsliced/conv.hpp"
#include "kernels/packed/kpacked/conv.hpp"

namespace tern::infer {
namespace {

namespace bitsliced = kernels::bitsliced;
namespace kpacked = kernels::kpacked;

SlicedGeometry geometry_of(const Task& task) {
  std::vector<i64> widths, heights;
  for (const Node& n : task.nodes) {
    widths.push_back(n.type.width());
    heights.push_back(n.type.height());
  }
  return {std::move(widths), std::move(heights)};
}

}  // namespace

PlaneValues::PlaneValues(const Task& task)
    : task_(task),
      border_(task.size()),
      kpacked_(task.size(), false),
      sliced_(task.size(), false),
      geometry_(geometry_of(task)) {
  if (!task.fused) return;
  settle_borders();
  settle_families();
  if (task.images > 1) settle_groups();
}

// Planes have one border. Where consumers differ, which pack() never makes, the first one has its way.
void PlaneValues::settle_borders() {
  for (std::size_t i = 0; i < task_.size(); ++i) {
    if (!task_.codes_by_codes(i) || !task_.multiply(i)->padded()) continue;
    std::optional<int>& border = border_[task_.in_root(i)];
    if (!border) border = task_.multiply(i)->pad_code;
  }
}

// Which convolutions each family can run, and the extents of bit-sliced values if all of them are.
void PlaneValues::settle_families() {
  for (std::size_t i = 0; i < task_.size(); ++i) {
    const Node& n = task_.nodes[i];
    if (std::holds_alternative<PlaneGate>(n.operation->planes())) {
      for (const std::size_t in : {n.inputs[0], n.inputs[1]}) geometry_.same(task_.root[in], i);
    }
    if (!task_.codes_by_codes(i)) continue;
    const Multiply& m = *task_.multiply(i);
    const kernels::ConvShape shape = conv(i);
    const kpacked::PlaneCode in = code(n.inputs[0]);
    if (m.padded() && in.border != m.pad_code) continue;
    if (m.has_epilogue() && code(i).planes() > kMostPlanes) continue;
    kpacked_[i] = kpacked::Conv::supports(shape, in);
    sliced_[i] = m.has_epilogue() ? bitsliced::Conv::supports(shape, m.codes, in, code(i))
                                  : bitsliced::Conv::supports(shape, m.codes, in);
    // Images of a group are read in place only.
    if (task_.images > 1 && (m.shape.stride_h > 1 || m.shape.stride_w > 1)) sliced_[i] = false;
    if (sliced_[i]) geometry_.add_conv(task_.in_root(i), i, shape);
  }
  geometry_.settle();
}

void PlaneValues::settle_groups() {
  for (std::size_t i = 0; i < task_.size(); ++i) {
    if (!sliced_[i]) continue;
    const i64 pitch = geometry_.pitch(i);
    sliced_[i] = geometry_.pitch(task_.in_root(i)) == pitch && bitsliced::Conv::output_pitch(conv(i), pitch) == pitch;
  }
}

kpacked::PlaneCode PlaneValues::code(std::size_t node) const {
  return {task_.type(node).lo, task_.type(node).hi, border_[task_.root[node]].value_or(0)};
}

bitsliced::SlicedLayout PlaneValues::sliced(std::size_t node) const {
  const ValueType& t = task_.type(node);
  return {code(node),   t.channels(),          t.height(),
          t.width(),    geometry_.pitch(node), geometry_.margin_bits(node),
          task_.images, geometry_.period(node)};
}

bitsliced::SlicedLayout PlaneValues::sums(std::size_t i, std::span<const std::int8_t> weights) const {
  const ValueType& t = task_.type(i);
  return {bitsliced::Conv::sum_code(conv(i), weights, code(task_.nodes[i].inputs[0])),
          t.channels(),
          t.height(),
          t.width(),
          geometry_.pitch(i),
          0,
          task_.images,
          geometry_.period(i)};
}

bool PlaneValues::fits_sliced(std::size_t node) const {
  const bitsliced::SlicedLayout d = sliced(task_.root[node]);
  return d.code.planes() <= kMostPlanes && d.total_bytes() <= kMostSlicedBytes;
}

bool PlaneValues::is_moved(std::size_t i) const {
  const kernels::ConvShape shape = conv(i);
  return geometry_.pitch(i) != geometry_.pitch(task_.in_root(i)) || shape.stride_h > 1 || shape.stride_w > 1;
}

}  // namespace tern::infer
