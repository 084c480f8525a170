#include "infer/steps/lane_source.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "infer/steps/transpose.hpp"
#include "kernels/exact.hpp"
#include "kernels/packed/bitsliced/micro.hpp"
#include "kernels/packed/kpacked/conv.hpp"
#include "kernels/packed/ordered/packing.hpp"

namespace tern::infer {
namespace {

namespace kpacked = kernels::kpacked;
using kernels::ordered::Prepared;

// The real values of integer sums, one or two scales.
class Scales {
 public:
  Scales(const Multiply& m, const ValueType& input) : pos_(padded(m, m.scale_pos, input)) {
    if (m.two_scales()) neg_ = padded(m, m.scale_neg, input);
  }
  const float* pos(i64 channel) const { return pos_.data() + channel; }
  /// Null with one scale.
  const float* neg(i64 channel) const { return neg_.empty() ? nullptr : neg_.data() + channel; }

 private:
  static std::vector<float> padded(const Multiply& m, std::span<const float> scale, const ValueType& input) {
    std::vector<float> out(static_cast<std::size_t>(m.shape.outputs + 2 * kTileLanes), 0.0f);
    for (std::size_t o = 0; o < static_cast<std::size_t>(m.shape.outputs); ++o) {
      out[o] = exact::scale_step(scale.empty() ? 1.0f : scale[o], input.step);
    }
    return out;
  }

  std::vector<float> pos_, neg_;
};

// Integer sums of codes by codes, counted here.
class PlaneSource final : public Source {
 public:
  PlaneSource(const PlaneConvSpec& spec, Isa isa)
      : in_(spec.in), micro_(kpacked::micro_for(isa)), scales_(spec.multiply(), *spec.input) {
    for (const auto& part : spec.multiply().parts()) convs_.emplace_back(spec.shape, spec.in_layout, part.data());
  }

  i64 blocks() const override { return (convs_[0].blocks() + 1) / 2; }
  std::pair<i64, i64> channels(i64 block) const override {
    const bool second = 2 * block + 1 < convs_[0].blocks();
    return {convs_[0].first_output(2 * block),
            second ? kpacked::kBlock + convs_[0].outputs(2 * block + 1) : convs_[0].outputs(2 * block)};
  }
  void fill(Workspace& w, i64 block, const TileAt& at, float* v) const override {
    alignas(64) std::array<std::int32_t, kTilePixels * kpacked::kBlock> acc, acc_neg;
    const auto* planes = w.at<std::uint8_t>(in_);
    for (i64 half = 0; half < 2 && 2 * block + half < convs_[0].blocks(); ++half) {
      const i64 b = 2 * block + half;
      convs_[0].run(micro_, planes, b, at.index, at.pixels, acc.data());
      const float *s = scales_.pos(at.first + half * kpacked::kBlock),
                  *s_neg = scales_.neg(at.first + half * kpacked::kBlock);
      if (s_neg) convs_[1].run(micro_, planes, b, at.index, at.pixels, acc_neg.data());
      for (i64 i = 0; i < at.pixels; ++i) {
        float* to = v + i * kTileLanes + half * kpacked::kBlock;
        const std::int32_t* sums = acc.data() + i * kpacked::kBlock;
        const std::int32_t* sums_neg = acc_neg.data() + i * kpacked::kBlock;
        for (i64 lane = 0; lane < kpacked::kBlock; ++lane) to[lane] = exact::scaled(s[lane], sums[lane]);
        if (!s_neg) continue;
        for (i64 lane = 0; lane < kpacked::kBlock; ++lane)
          to[lane] = to[lane] - exact::scaled(s_neg[lane], sums_neg[lane]);
      }
    }
  }
  const char* name() const override { return "kpacked"; }

 private:
  BufferId in_;
  const kpacked::Micro& micro_;
  Scales scales_;
  std::vector<kpacked::Conv> convs_;
};

// The same, counted by bit-sliced convolutions before. 64 bits of a stream, which begin at any byte, hold what a tile
// wants of a channel: a few rows of the image, or a piece of one.
class SumsSource final : public RowSource {
 public:
  SumsSource(const Multiply& m, const ValueType& input, std::vector<Sums> sums, Isa isa)
      : RowSource(m.shape.outputs),
        sums_(std::move(sums)),
        micro_(kernels::bitsliced::micro_for(isa)),
        scales_(m, input) {}

  void row(Workspace& w, i64 channel, i64 index, i64 n, float* v) const override {
    const float* neg = scales_.neg(channel);
    each(w, sums_[0], channel, index, n,
         [v, s = *scales_.pos(channel)](i64 i, std::int32_t sum) { v[i] = exact::scaled(s, sum); });
    if (neg)
      each(w, sums_[1], channel, index, n,
           [v, s = *neg](i64 i, std::int32_t sum) { v[i] = v[i] - exact::scaled(s, sum); });
  }
  const char* name() const override { return "sums"; }
  i64 run() const override {
    const kernels::bitsliced::SlicedLayout& d = sums_[0].layout;
    return d.width * (1 + std::max<i64>(0, std::min(kBits, kTilePixels) - d.width) / d.pitch);
  }
  i64 most() const override { return sums_[0].layout.width <= kBits ? kTilePixels : kBits; }

 private:
  static constexpr i64 kBits = 57;  // that lie in 64 bits from a byte on, wherever they begin

  // use(pixel of the row, its sum)
  template <class Use>
  void each(Workspace& w, const Sums& sums, i64 channel, i64 index, i64 n, const Use& use) const {
    alignas(64) std::array<std::int32_t, 64> numbers;
    const kernels::bitsliced::SlicedLayout d = sums.layout.image(w.index);
    const i64 col = index % d.width, begin = d.bit(index / d.width, col);
    micro_.read_numbers({w.at<std::uint8_t>(sums.id) + channel * d.code.planes() * d.plane_bytes() + d.front_bytes(),
                         d.plane_bytes(), d.code.planes(), begin & ~i64{7}, d.code.lo, numbers.data()});
    const std::int32_t* from = numbers.data() + begin % 8 - col;  // of the image's row
    for (i64 done = -col; done < n; done += d.width, from += d.pitch) {
      const i64 last = std::min(d.width, n - done);
      for (i64 x = std::max<i64>(0, -done); x < last; ++x) use(done + x, from[x]);
    }
  }

  std::vector<Sums> sums_;
  const kernels::bitsliced::Micro& micro_;
  Scales scales_;
};

// The ordered float sum.
class OrderedSource final : public Source {
 public:
  OrderedSource(const Multiply& m, BufferId in, Isa isa) : in_(in), isa_(isa), cols_(m.shape.out_width()) {
    if (m.codes.empty()) {
      convs_.emplace_back(m.shape, m.floats.data());
    } else {
      for (const auto& part : m.parts())
        convs_.emplace_back(m.shape, std::vector<float>(part.begin(), part.end()).data());
    }
    scale_.assign(static_cast<std::size_t>(m.shape.outputs + 2 * kTileLanes), 1.0f);
    std::copy(m.scale_pos.begin(), m.scale_pos.end(), scale_.begin());
    scale_neg_.assign(m.scale_neg.begin(), m.scale_neg.end());
    if (m.two_scales()) scale_neg_.resize(scale_.size());
    scaled_ = !m.scale_pos.empty();
  }

  i64 blocks() const override { return convs_[0].blocks(); }
  std::pair<i64, i64> channels(i64 block) const override {
    const Prepared::Block b = convs_[0].block(block);
    return {b.first_output, b.outputs};
  }
  void fill(Workspace& w, i64 block, const TileAt& at, float* v) const override {
    const float* x = w.at<float>(in_);
    const i64 p = at.index / cols_, q = at.index % cols_;
    convs_[0].row(isa_, x, block, p, q, at.pixels, v);
    if (scaled_) {
      const float* s = scale_.data() + at.first;
      for (i64 i = 0; i < at.pixels; ++i) {
        for (i64 lane = 0; lane < kTileLanes; ++lane) v[i * kTileLanes + lane] = s[lane] * v[i * kTileLanes + lane];
      }
    }
    if (scale_neg_.empty()) return;
    alignas(64) std::array<float, kTilePixels * kTileLanes> neg;
    convs_[1].row(isa_, x, block, p, q, at.pixels, neg.data());
    const float* s = scale_neg_.data() + at.first;
    for (i64 i = 0; i < at.pixels; ++i) {
      for (i64 lane = 0; lane < kTileLanes; ++lane) {
        float& y = v[i * kTileLanes + lane];
        y = y - s[lane] * neg[static_cast<std::size_t>(i * kTileLanes + lane)];
      }
    }
  }
  const char* name() const override { return "ordered"; }
  i64 run() const override { return cols_; }

 private:
  BufferId in_;
  Isa isa_;
  i64 cols_;
  std::vector<Prepared> convs_;
  std::vector<float> scale_, scale_neg_;
  bool scaled_ = false;
};

// Floats that are there already, one array or the sum of several, left to right.
class LoadSource final : public RowSource {
 public:
  LoadSource(const ValueType& type, std::vector<BufferId> inputs)
      : RowSource(type.channels()), pixels_(type.pixels()), inputs_(std::move(inputs)) {}
  void row(Workspace& w, i64 channel, i64 index, i64 n, float* v) const override {
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
      const float* x = w.at<float>(inputs_[k]) + channel * pixels_ + index;
      if (k == 0)
        std::copy_n(x, n, v);
      else
        for (i64 i = 0; i < n; ++i) v[i] = v[i] + x[i];
    }
  }
  const char* name() const override { return inputs_.size() > 1 ? "add" : "elementwise"; }

 private:
  i64 pixels_;
  std::vector<BufferId> inputs_;
};

}  // namespace

void RowSource::fill(Workspace& w, i64, const TileAt& at, float* v) const {
  alignas(64) std::array<float, kTileLanes * kTilePixels> rows;
  for (i64 c = 0; c < at.channels; ++c) row(w, at.first + c, at.index, at.pixels, rows.data() + c * kTilePixels);
  transpose(rows.data(), kTilePixels, at.channels, at.pixels, v, kTileLanes);
}

std::unique_ptr<RowSource> make_row_source(const LaneSource& source, const ValueType& result, Isa isa) {
  if (!source.sums.empty())
    return std::make_unique<SumsSource>(source.planes->multiply(), *source.planes->input, source.sums, isa);
  if (source.node && source.node->operation->multiply()) return nullptr;
  return std::make_unique<LoadSource>(result, source.inputs);
}

std::unique_ptr<Source> make_tile_source(const LaneSource& source, Isa isa) {
  if (source.planes) return std::make_unique<PlaneSource>(*source.planes, isa);
  return std::make_unique<OrderedSource>(*source.node->operation->multiply(), source.inputs[0], isa);
}

}  // namespace tern::infer
