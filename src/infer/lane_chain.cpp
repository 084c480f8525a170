#include "infer/lane_chain.hpp"

#include "kernels/exact.hpp"

namespace tern::infer {
namespace {

template <class F>
void each(float* v, i64 pixels, F&& f) {
  for (i64 i = 0; i < pixels; ++i, v += kTileLanes) {
    for (i64 lane = 0; lane < kTileLanes; ++lane) v[lane] = f(v[lane], lane);
  }
}

}  // namespace

AlignedVector<float> LaneChain::padded(std::span<const float> values, i64 channels) {
  AlignedVector<float> out(static_cast<std::size_t>((channels + 2 * kTileLanes - 1) / kTileLanes * kTileLanes), 0.0f);
  for (i64 c = 0; c < channels; ++c) {
    out[static_cast<std::size_t>(c)] = values[values.size() == 1 ? 0 : static_cast<std::size_t>(c)];
  }
  return out;
}

void LaneChain::multiply(std::span<const float> a, i64 channels) {
  links_.push_back({Kind::kMultiply, padded(a, channels), {}});
}

void LaneChain::add(std::span<const float> a, i64 channels) { links_.push_back({Kind::kAdd, padded(a, channels), {}}); }

void LaneChain::append(const Node& node) {
  const i64 channels = node.type.channels();
  switch (node.op) {
    case Op::kAffine:
      links_.push_back({Kind::kAffine, padded(node.k1, channels), padded(node.k0, channels)});
      return;
    case Op::kRelu: links_.push_back({Kind::kRelu, {}, {}}); return;
    case Op::kHardtanh: links_.push_back({Kind::kHardtanh, {}, {}}); return;
    case Op::kPrelu: links_.push_back({Kind::kPrelu, padded(node.slope, channels), {}}); return;
    default: return;
  }
}

void LaneChain::apply(float* v, i64 pixels, i64 first) const {
  for (const Link& link : links_) {
    const float* a = link.a.empty() ? nullptr : link.a.data() + first;
    const float* b = link.b.empty() ? nullptr : link.b.data() + first;
    switch (link.kind) {
      case Kind::kMultiply: each(v, pixels, [a](float x, i64 c) { return a[c] * x; }); break;
      case Kind::kAdd: each(v, pixels, [a](float x, i64 c) { return x + a[c]; }); break;
      case Kind::kAffine: each(v, pixels, [a, b](float x, i64 c) { return exact::affine(x, a[c], b[c]); }); break;
      case Kind::kRelu: each(v, pixels, [](float x, i64) { return exact::relu(x); }); break;
      case Kind::kPrelu: each(v, pixels, [a](float x, i64 c) { return exact::prelu(x, a[c]); }); break;
      case Kind::kHardtanh: each(v, pixels, [](float x, i64) { return exact::hardtanh(x); }); break;
    }
  }
}

}  // namespace tern::infer
