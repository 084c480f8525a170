#include "infer/plan/sliced_geometry.hpp"

#include <algorithm>
#include <numeric>

#include "kernels/packed/bitsliced/conv.hpp"

namespace tern::infer {

using kernels::bitsliced::Conv;

SlicedGeometry::SlicedGeometry(std::vector<i64> widths, std::vector<i64> heights)
    : parent_(widths.size()), pitch_(std::move(widths)), period_(std::move(heights)), margin_(pitch_.size(), 0) {
  std::iota(parent_.begin(), parent_.end(), std::size_t{0});
}

std::size_t SlicedGeometry::find(std::size_t v) const {
  while (parent_[v] != v) v = parent_[v] = parent_[parent_[v]];
  return v;
}

void SlicedGeometry::same(std::size_t a, std::size_t b) {
  a = find(a);
  b = find(b);
  if (a == b) return;
  parent_[b] = a;
  pitch_[a] = std::max(pitch_[a], pitch_[b]);
  period_[a] = std::max(period_[a], period_[b]);
}

void SlicedGeometry::add_conv(std::size_t in, std::size_t out, const kernels::ConvShape& shape) {
  convs_.push_back({in, out, shape});
  i64& pitch = pitch_[find(in)];
  pitch = std::max(pitch, shape.width + shape.pad_w);
  i64& period = period_[find(in)];
  period = std::max(period, shape.height + shape.pad_h);
  if (shape.stride_h == 1 && shape.stride_w == 1) same(in, out);
}

void SlicedGeometry::settle() {
  for (bool changed = true; changed;) {
    changed = false;
    for (const Edge& e : convs_) {
      const i64 need = Conv::output_pitch(e.shape, pitch(e.in));
      i64& has = pitch_[find(e.out)];
      if (has >= need) continue;
      has = need;
      changed = true;
    }
  }
  for (const Edge& e : convs_) margin_[e.in] = std::max(margin_[e.in], Conv::margin_bits(e.shape, pitch(e.out)));
}

}  // namespace tern::infer
