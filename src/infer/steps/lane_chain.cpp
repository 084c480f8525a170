#include "infer/steps/lane_chain.hpp"

namespace tern::infer {
namespace {

AlignedVector<float> padded(std::span<const float> values, i64 channels) {
  AlignedVector<float> out(static_cast<std::size_t>((channels + 2 * kTileLanes - 1) / kTileLanes * kTileLanes), 0.0f);
  for (i64 c = 0; c < channels; ++c) out[static_cast<std::size_t>(c)] = of_channel(values, c);
  return out;
}

}  // namespace

void LaneChain::append(const Lane& lane, i64 channels) {
  links_.push_back({lane, padded(lane.a, channels), padded(lane.b, channels)});
}

void LaneChain::apply(float* v, i64 pixels, i64 first) const {
  for (const Link& link : links_) link.lane.tile(v, pixels, link.a.data() + first, link.b.data() + first);
}

void LaneChain::apply_row(float* v, i64 pixels, i64 channel) const {
  for (const Link& link : links_) link.lane.row(v, pixels, link.a.data()[channel], link.b.data()[channel]);
}

}  // namespace tern::infer
