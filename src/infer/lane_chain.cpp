#include "infer/lane_chain.hpp"

#include "kernels/exact.hpp"

namespace tern::infer {
namespace {

// a and b: of the link, from the first channel on.
struct Tile {
  float* v;
  i64 pixels;
  template <class F>
  void each(const float* a, const float* b, F&& f) const {
    for (float* x = v; x < v + pixels * kTileLanes; x += kTileLanes) {
      for (i64 lane = 0; lane < kTileLanes; ++lane) x[lane] = f(x[lane], a[lane], b[lane]);
    }
  }
};
struct Row {
  float* v;
  i64 pixels;
  template <class F>
  void each(const float* a, const float* b, F&& f) const {
    const float own_a = *a, own_b = *b;
    for (i64 i = 0; i < pixels; ++i) v[i] = f(v[i], own_a, own_b);
  }
};

}  // namespace

AlignedVector<float> LaneChain::padded(std::span<const float> values, i64 channels) {
  AlignedVector<float> out(static_cast<std::size_t>((channels + 2 * kTileLanes - 1) / kTileLanes * kTileLanes), 0.0f);
  for (i64 c = 0; c < channels; ++c) {
    if (!values.empty())
      out[static_cast<std::size_t>(c)] = values[values.size() == 1 ? 0 : static_cast<std::size_t>(c)];
  }
  return out;
}

void LaneChain::multiply(std::span<const float> a, i64 channels) {
  links_.push_back({Kind::kMultiply, padded(a, channels), padded({}, channels)});
}

void LaneChain::add(std::span<const float> a, i64 channels) {
  links_.push_back({Kind::kAdd, padded(a, channels), padded({}, channels)});
}

void LaneChain::append(const Node& node) {
  const i64 channels = node.type.channels();
  const auto push = [&](Kind kind, std::span<const float> a, std::span<const float> b) {
    links_.push_back({kind, padded(a, channels), padded(b, channels)});
  };
  switch (node.op) {
    case Op::kAffine:
      return push(Kind::kAffine, node.k1, node.k0);
    case Op::kRelu:
      return push(Kind::kRelu, {}, {});
    case Op::kHardtanh:
      return push(Kind::kHardtanh, {}, {});
    case Op::kPrelu:
      return push(Kind::kPrelu, node.slope, {});
    default:
      return;
  }
}

template <class Floats>
void LaneChain::apply_to(const Floats& floats, i64 first) const {
  for (const Link& link : links_) {
    const auto each = [&](auto f) { floats.each(link.a.data() + first, link.b.data() + first, f); };
    switch (link.kind) {
      case Kind::kMultiply:
        each([](float x, float a, float) { return a * x; });
        break;
      case Kind::kAdd:
        each([](float x, float a, float) { return x + a; });
        break;
      case Kind::kAffine:
        each([](float x, float a, float b) { return exact::affine(x, a, b); });
        break;
      case Kind::kRelu:
        each([](float x, float, float) { return exact::relu(x); });
        break;
      case Kind::kPrelu:
        each([](float x, float a, float) { return exact::prelu(x, a); });
        break;
      case Kind::kHardtanh:
        each([](float x, float, float) { return exact::hardtanh(x); });
        break;
    }
  }
}

void LaneChain::apply(float* v, i64 pixels, i64 first) const { apply_to(Tile{v, pixels}, first); }
void LaneChain::apply_row(float* v, i64 pixels, i64 channel) const { apply_to(Row{v, pixels}, channel); }

}  // namespace tern::infer
