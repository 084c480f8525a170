// Fused steps that work on tiles of [pixels][16 channels]: a source fills the tile with floats, a chain of elementwise
// nodes changes it, a sink stores floats or compares with thresholds and stores codes. Each float operation is the one
// that the separate nodes would do, in the same order; only the memory traffic between them is gone.
#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "infer/steps.hpp"
#include "infer/transpose.hpp"
#include "kernels/exact.hpp"
#include "kernels/kpacked/conv.hpp"
#include "kernels/ordered/packing.hpp"
#include "kernels/planes/turn.hpp"
#include "kernels/planes/words.hpp"

namespace tern::infer {
namespace {

namespace kpacked = kernels::kpacked;
using kernels::ordered::Prepared;

// A tile: `pixels` results from pixel `index` (row-major), of up to 16 channels from `first`.
struct TileAt {
  i64 first, channels, index, pixels;
};

// Work on one image is handed out in units of 16 pixels.
constexpr i64 kUnitPixels = 16;

class Source {
 public:
  virtual ~Source() = default;
  virtual i64 blocks() const = 0;
  /// First channel and number of channels of a block.
  virtual std::pair<i64, i64> channels(i64 block) const = 0;
  virtual void fill(Workspace& w, i64 block, const TileAt& at, float* v) const = 0;
  virtual const char* name() const = 0;
  /// Tiles may not cross the end of a row.
  virtual bool by_rows() const { return false; }
};

// Integer sums of codes by codes, one or two scales.
class PlaneSource final : public Source {
 public:
  PlaneSource(const PlaneConvSpec& spec, Isa isa)
      : in_(spec.in), micro_(kpacked::micro_for(isa)), scale_(scales(*spec.node, spec.node->scale_pos, *spec.input)) {
    const Node& n = *spec.node;
    if (!n.two_scales()) {
      convs_.emplace_back(spec.shape, spec.in_layout, n.weight_codes.data());
      return;
    }
    scale_neg_ = scales(n, n.scale_neg, *spec.input);
    for (const int sign : {1, -1}) {
      std::vector<std::int8_t> part(n.weight_codes.begin(), n.weight_codes.end());
      for (std::int8_t& c : part) c = static_cast<std::int8_t>(std::max(0, sign * c));
      convs_.emplace_back(spec.shape, spec.in_layout, part.data());
    }
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
      if (!scale_neg_.empty()) convs_[1].run(micro_, planes, b, at.index, at.pixels, acc_neg.data());
      const float* s = scale_.data() + at.first + half * kpacked::kBlock;
      const float* s_neg = scale_neg_.empty() ? nullptr : scale_neg_.data() + at.first + half * kpacked::kBlock;
      for (i64 i = 0; i < at.pixels; ++i) {
        float* to = v + i * kTileLanes + half * kpacked::kBlock;
        const std::int32_t* sums = acc.data() + i * kpacked::kBlock;
        const std::int32_t* sums_neg = acc_neg.data() + i * kpacked::kBlock;
        for (i64 lane = 0; lane < kpacked::kBlock; ++lane) to[lane] = exact::scaled(s[lane], sums[lane]);
        if (!s_neg) continue;
        for (i64 lane = 0; lane < kpacked::kBlock; ++lane) to[lane] = to[lane] - exact::scaled(s_neg[lane], sums_neg[lane]);
      }
    }
  }
  const char* name() const override { return "kpacked"; }

 private:
  static std::vector<float> scales(const Node& n, std::span<const float> scale, const ValueType& input) {
    std::vector<float> out(static_cast<std::size_t>(n.conv.outputs + 2 * kTileLanes), 0.0f);
    for (std::size_t o = 0; o < static_cast<std::size_t>(n.conv.outputs); ++o) {
      out[o] = exact::scale_step(scale.empty() ? 1.0f : scale[o], input.step);
    }
    return out;
  }

  BufferId in_;
  const kpacked::Micro& micro_;
  std::vector<kpacked::Conv> convs_;
  std::vector<float> scale_, scale_neg_;
};

// The ordered float sum.
class OrderedSource final : public Source {
 public:
  OrderedSource(const Node& n, BufferId in, Isa isa) : in_(in), isa_(isa), cols_(n.conv.out_width()) {
    const bool codes = !n.weight_codes.empty();
    ValueType real;
    const DenseWeights w = dense_weights(n, real);
    convs_.emplace_back(n.conv, codes ? w.floats.data() : n.weight_floats.data());
    if (n.two_scales()) convs_.emplace_back(n.conv, w.floats_neg.data());
    scale_.assign(static_cast<std::size_t>(n.conv.outputs + 2 * kTileLanes), 1.0f);
    std::copy(n.scale_pos.begin(), n.scale_pos.end(), scale_.begin());
    scale_neg_.assign(n.scale_neg.begin(), n.scale_neg.end());
    if (n.two_scales()) scale_neg_.resize(scale_.size());
    scaled_ = codes && !n.scale_pos.empty();
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
  bool by_rows() const override { return true; }

 private:
  BufferId in_;
  Isa isa_;
  i64 cols_;
  std::vector<Prepared> convs_;
  std::vector<float> scale_, scale_neg_;
  bool scaled_ = false;
};

// Floats that are there already, one array or the sum of several, left to right.
class LoadSource final : public Source {
 public:
  LoadSource(const ValueType& type, std::vector<BufferId> inputs) : type_(type), inputs_(std::move(inputs)) {}
  i64 blocks() const override { return (type_.channels() + kTileLanes - 1) / kTileLanes; }
  std::pair<i64, i64> channels(i64 block) const override {
    return {block * kTileLanes, std::min<i64>(kTileLanes, type_.channels() - block * kTileLanes)};
  }
  void fill(Workspace& w, i64, const TileAt& at, float* v) const override {
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
      const float* x = w.at<float>(inputs_[k]) + at.first * type_.pixels() + at.index;
      if (k == 0) transpose<false>(x, type_.pixels(), at.channels, at.pixels, v, kTileLanes);
      else transpose<true>(x, type_.pixels(), at.channels, at.pixels, v, kTileLanes);
    }
  }
  const char* name() const override { return inputs_.size() > 1 ? "add" : "elementwise"; }

 private:
  ValueType type_;
  std::vector<BufferId> inputs_;
};

class LaneStep final : public Step {
 public:
  LaneStep(std::unique_ptr<Source> source, LaneChain chain, const Node* quantize, const ValueType& result, Isa isa,
           const Buffer& out, BufferId out_id)
      : source_(std::move(source)), chain_(std::move(chain)), quantize_(quantize), type_(result),
        micro_(kpacked::micro_for(isa)), out_(out) {
    if (out.layout == Layout::kKpacked) pixels_ = kpacked::pixel_bytes(out.kpacked);
    output = out_id;
    kernel = std::string(source_->name()) + "/" + std::string(name_of(isa));
  }

  // Bit-sliced results are shared out by channels, as neighbouring pixels of one channel share a byte.
  i64 units() const override {
    if (out_.layout == Layout::kSliced) return source_->blocks();
    return pixel_units();
  }
  void run(Workspace& w, i64 begin, i64 end) const override {
    if (out_.layout == Layout::kSliced) run(w, begin, end, 0, pixel_units());
    else run(w, 0, source_->blocks(), begin, end);
  }

 private:
  i64 pixel_units() const {
    return source_->by_rows() ? type_.height() : (type_.pixels() + kUnitPixels - 1) / kUnitPixels;
  }
  void run(Workspace& w, i64 first_block, i64 last_block, i64 begin, i64 end) const {
    alignas(64) std::array<float, kTilePixels * kTileLanes> tile;
    const i64 unit = source_->by_rows() ? type_.width() : kUnitPixels;
    const i64 run = source_->by_rows() ? type_.width() : type_.pixels();
    const i64 last = std::min(end * unit, type_.pixels());
    for (i64 b = first_block; b < last_block; ++b) {
      const auto [first, channels] = source_->channels(b);
      for (i64 i = begin * unit; i < last;) {
        const TileAt at{first, channels, i, std::min({kTilePixels, last - i, run - i % run})};
        source_->fill(w, b, at, tile.data());
        chain_.apply(tile.data(), at.pixels, at.first);
        if (!quantize_) store_floats(w, at, tile.data());
        else if (is_planes(out_.layout)) store_planes(w, at, tile.data());
        else store_codes(w, at, tile.data());
        i += at.pixels;
      }
    }
  }

  void store_floats(Workspace& w, const TileAt& at, const float* v) const {
    float* to = w.at<float>(output) + at.first * type_.pixels() + at.index;
    transpose<false>(v, kTileLanes, at.pixels, at.channels, to, type_.pixels());
  }

  void store_codes(Workspace& w, const TileAt& at, const float* v) const {
    std::int8_t* to = w.at<std::int8_t>(output) + at.first * type_.pixels() + at.index;
    for (i64 c = 0; c < at.channels; ++c, to += type_.pixels()) {
      for (i64 i = 0; i < at.pixels; ++i) {
        to[i] = static_cast<std::int8_t>(exact::quantize(v[i * kTileLanes + c], quantize_->float_thresholds, type_.lo));
      }
    }
  }

  void store_planes(Workspace& w, const TileAt& at, float* v) const {
    // Lanes that are no channel must write 0 bits: NaN reaches no threshold.
    if (at.channels < kTileLanes) {
      for (i64 i = 0; i < at.pixels; ++i) {
        std::fill(v + i * kTileLanes + at.channels, v + (i + 1) * kTileLanes, std::numeric_limits<float>::quiet_NaN());
      }
    }
    const kpacked::PlaneCode code = out_.layout == Layout::kSliced ? out_.sliced.code : out_.kpacked.code;
    const int levels = code.levels(), bytes = at.channels > 8 ? 2 : 1;
    const float* t = quantize_->float_thresholds.data();
    if (out_.layout == Layout::kKpacked && code.thermometer()) {
      micro_.threshold_floats(v, at.pixels, t, levels, bytes, w.at<std::uint8_t>(output) + at.first / 8, pixels_.data() + at.index,
                              out_.kpacked.plane_bytes());
      return;
    }
    // First the masks of all levels, one array of pixels for each half of the lanes, then their binary digits.
    std::array<std::uint8_t, kTilePixels * 255> masks;
    std::array<std::uint8_t, kTilePixels * 8> digits;
    std::array<std::int32_t, kTilePixels> dense;
    for (i64 i = 0; i < at.pixels; ++i) dense[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i);
    for (int b = 0; b < bytes; ++b) {
      micro_.threshold_floats(v + 8 * b, at.pixels, t, levels, 1, masks.data(), dense.data(), kTilePixels);
      if (out_.layout == Layout::kKpacked) {
        kpacked::masks_to_digits(masks.data(), kTilePixels, levels, at.pixels, w.at<std::uint8_t>(output) + at.first / 8 + b,
                                 pixels_.data() + at.index, out_.kpacked.plane_bytes(), code.planes());
        continue;
      }
      const std::uint8_t* planes = masks.data();
      if (!code.thermometer()) {
        kpacked::masks_to_digits(masks.data(), kTilePixels, levels, at.pixels, digits.data(), dense.data(), kTilePixels, code.planes());
        planes = digits.data();
      }
      store_sliced(w, at, 8 * b, planes);
    }
  }

  // planes: bytes [plane][kTilePixels] of channels at.first + lane ..
  void store_sliced(Workspace& w, const TileAt& at, i64 lane, const std::uint8_t* planes) const {
    const kernels::bitsliced::SlicedLayout d = out_.sliced.image(w.index);
    const int count = d.code.planes();
    for (int k = 0; k < count; ++k) {
      std::uint64_t words[8];
      kernels::planes::channel_words(planes + k * kTilePixels, 1, at.pixels, words);
      for (i64 c = 0; c < std::min<i64>(8, at.channels - lane); ++c) {
        std::uint8_t* stream = w.at<std::uint8_t>(output) + ((at.first + lane + c) * count + k) * d.plane_bytes() + d.front_bytes();
        // A tile may run over the ends of rows, between which the stream has its border.
        for (i64 i = 0; i < at.pixels;) {
          const i64 row = (at.index + i) / d.width, col = (at.index + i) % d.width, n = std::min(at.pixels - i, d.width - col);
          kernels::planes::put_word(stream, d.bit(row, col), n, words[c] >> i & kernels::planes::low_mask(n));
          i += n;
        }
      }
    }
  }

  std::unique_ptr<Source> source_;
  LaneChain chain_;
  const Node* quantize_;
  ValueType type_;
  const kpacked::Micro& micro_;
  Buffer out_;
  std::vector<std::int32_t> pixels_;  // of out_, if it is planes
};

// Codes by codes with integer thresholds: sums go straight to the next planes.
class ThresholdConvStep final : public Step {
 public:
  ThresholdConvStep(const PlaneConvSpec& spec, Isa isa, const Buffer& out, BufferId out_id)
      : in_(spec.in), micro_(kpacked::micro_for(isa)), out_(out.kpacked),
        conv_(spec.shape, spec.in_layout,
              kpacked::Thresholds::negate(spec.node->weight_codes.data(), spec.shape.outputs, spec.shape.k(), flips(*spec.node)).data()),
        thresholds_(spec.shape.outputs, spec.node->type.hi - spec.node->type.lo, spec.node->thresholds.data(), flips(*spec.node)) {
    pixels_ = kpacked::pixel_bytes(out_);
    output = out_id;
    kernel = "kpacked/" + std::string(micro_.name);
  }
  i64 units() const override { return (out_.height * out_.width + kUnitPixels - 1) / kUnitPixels; }
  void run(Workspace& w, i64 begin, i64 end) const override {
    const auto* x = w.at<std::uint8_t>(in_);
    auto* y = w.at<std::uint8_t>(output);
    const i64 first = begin * kUnitPixels, last = std::min(end * kUnitPixels, out_.height * out_.width);
    for (i64 b = 0; b < conv_.blocks(); ++b) {
      conv_.run(micro_, x, b, first, last - first, thresholds_, out_, y, pixels_.data());
    }
  }

 private:
  static const std::int8_t* flips(const Node& n) { return n.flip.empty() ? nullptr : n.flip.data(); }

  BufferId in_;
  const kpacked::Micro& micro_;
  kpacked::PlaneLayout out_;
  kpacked::Conv conv_;
  kpacked::Thresholds thresholds_;
  std::vector<std::int32_t> pixels_;
};

}  // namespace

std::unique_ptr<Step> make_threshold_conv_step(const PlaneConvSpec& spec, Isa isa, const Buffer& out, BufferId out_id) {
  auto step = std::make_unique<ThresholdConvStep>(spec, isa, out, out_id);
  step->nodes = spec.node->graph->name;
  step->macs = spec.node->macs();
  step->shape = layer_shape(*spec.node);
  step->work = kpacked_conv_work(spec.shape, spec.node->weight_codes, spec.in_layout.code);
  return step;
}

std::unique_ptr<Step> make_lane_step(const LaneSource& source, std::span<const Node* const> chain, const Node* quantize,
                                     const ValueType& result, Isa isa, const Buffer& out, BufferId out_id) {
  std::unique_ptr<Source> from;
  LaneChain links;
  const Node* n = source.node;
  const bool conv = n && (n->op == Op::kConv || n->op == Op::kLinear);
  if (source.planes) from = std::make_unique<PlaneSource>(*source.planes, isa);
  else if (conv) from = std::make_unique<OrderedSource>(*n, source.inputs[0], isa);
  else from = std::make_unique<LoadSource>(result, source.inputs);
  if (conv && !n->bias.empty()) links.add(n->bias, n->conv.outputs);
  for (const Node* link : chain) links.append(*link);

  auto step = std::make_unique<LaneStep>(std::move(from), std::move(links), quantize, result, isa, out, out_id);
  const auto append = [&](const Node* part) { step->nodes += (step->nodes.empty() ? "" : "+") + part->graph->name; };
  if (n) append(n);
  for (const Node* link : chain) append(link);
  if (quantize) append(quantize);
  step->macs = n ? n->macs() : 0;
  if (conv) step->shape = layer_shape(*n);
  if (source.planes) step->work = kpacked_conv_work(source.planes->shape, n->weight_codes, source.planes->in_layout.code);
  else if (conv) step->work = {{WorkKind::kOrderedMac, static_cast<double>(step->macs)}};
  if (source.planes && n->two_scales()) step->work.insert(step->work.end(), step->work.begin(), step->work.end());
  step->work.push_back({WorkKind::kFloat, static_cast<double>(result.numel()) * static_cast<double>(2 + chain.size() + source.inputs.size())});
  if (out.layout == Layout::kSliced) step->work.push_back(turn_work(result).front());
  return step;
}

}  // namespace tern::infer
