// Fused steps that work on tiles of [pixels][16 channels]: a source fills the tile with floats, a chain of elementwise
// nodes changes it, a sink stores floats or compares with thresholds and stores codes. Each float operation is the one
// that the separate nodes would do, in the same order; only the memory traffic between them is gone.
#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "infer/steps/lane_source.hpp"
#include "infer/steps/transpose.hpp"
#include "kernels/exact.hpp"
#include "kernels/packed/kpacked/conv.hpp"
#include "kernels/packed/planes/turn.hpp"
#include "kernels/packed/planes/words.hpp"

namespace tern::infer {
namespace {

namespace kpacked = kernels::kpacked;

// Work on one image is handed out in units of 16 pixels.
constexpr i64 kUnitPixels = 16;

class LaneStep final : public Step {
 public:
  LaneStep(std::unique_ptr<Source> source, LaneChain chain, const Thresholds* quantize, const ValueType& result,
           Isa isa, const Buffer& out, BufferId out_id)
      : source_(std::move(source)),
        chain_(std::move(chain)),
        quantize_(quantize),
        type_(result),
        micro_(kpacked::micro_for(isa)),
        out_(out) {
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
    if (out_.layout == Layout::kSliced)
      run(w, begin, end, 0, pixel_units());
    else
      run(w, 0, source_->blocks(), begin, end);
  }

 private:
  // What a unit of the work is.
  i64 unit() const { return source_->run() > 0 ? source_->run() : kUnitPixels; }
  i64 pixel_units() const { return (type_.pixels() + unit() - 1) / unit(); }
  void run(Workspace& w, i64 first_block, i64 last_block, i64 begin, i64 end) const {
    alignas(64) std::array<float, kTilePixels * kTileLanes> tile;
    const i64 run = source_->run() > 0 ? source_->run() : type_.pixels(), most = source_->most();
    const i64 last = std::min(end * unit(), type_.pixels());
    for (i64 b = first_block; b < last_block; ++b) {
      const auto [first, channels] = source_->channels(b);
      for (i64 i = begin * unit(); i < last;) {
        const TileAt at{first, channels, i, std::min({most, last - i, run - i % run})};
        source_->fill(w, b, at, tile.data());
        chain_.apply(tile.data(), at.pixels, at.first);
        if (!quantize_)
          store_floats(w, at, tile.data());
        else if (is_planes(out_.layout))
          store_planes(w, at, tile.data());
        else
          store_codes(w, at, tile.data());
        i += at.pixels;
      }
    }
  }

  void store_floats(Workspace& w, const TileAt& at, const float* v) const {
    float* to = w.at<float>(output) + at.first * type_.pixels() + at.index;
    transpose(v, kTileLanes, at.pixels, at.channels, to, type_.pixels());
  }

  void store_codes(Workspace& w, const TileAt& at, const float* v) const {
    std::int8_t* to = w.at<std::int8_t>(output) + at.first * type_.pixels() + at.index;
    for (i64 c = 0; c < at.channels; ++c, to += type_.pixels()) {
      for (i64 i = 0; i < at.pixels; ++i) {
        to[i] = static_cast<std::int8_t>(exact::quantize(v[i * kTileLanes + c], quantize_->values, quantize_->lo));
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
    const float* t = quantize_->values.data();
    if (out_.layout == Layout::kKpacked && code.thermometer()) {
      micro_.threshold_floats(v, at.pixels, t, levels, bytes, w.at<std::uint8_t>(output) + at.first / 8,
                              pixels_.data() + at.index, out_.kpacked.plane_bytes());
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
        kpacked::masks_to_digits(masks.data(), kTilePixels, levels, at.pixels,
                                 w.at<std::uint8_t>(output) + at.first / 8 + b, pixels_.data() + at.index,
                                 out_.kpacked.plane_bytes(), code.planes());
        continue;
      }
      const std::uint8_t* planes = masks.data();
      if (!code.thermometer()) {
        kpacked::masks_to_digits(masks.data(), kTilePixels, levels, at.pixels, digits.data(), dense.data(), kTilePixels,
                                 code.planes());
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
        std::uint8_t* stream =
            w.at<std::uint8_t>(output) + ((at.first + lane + c) * count + k) * d.plane_bytes() + d.front_bytes();
        // A tile may run over the ends of rows, between which the stream has its border.
        for (i64 i = 0; i < at.pixels;) {
          const i64 row = (at.index + i) / d.width, col = (at.index + i) % d.width,
                    n = std::min(at.pixels - i, d.width - col);
          kernels::planes::put_word(stream, d.bit(row, col), n, words[c] >> i & kernels::planes::low_mask(n));
          i += n;
        }
      }
    }
  }

  std::unique_ptr<Source> source_;
  LaneChain chain_;
  const Thresholds* quantize_;
  ValueType type_;
  const kpacked::Micro& micro_;
  Buffer out_;
  std::vector<std::int32_t> pixels_;  // of out_, if it is planes
};

// Codes by codes with integer thresholds: sums go straight to the next planes.
class ThresholdConvStep final : public Step {
 public:
  ThresholdConvStep(const PlaneConvSpec& spec, Isa isa, const Buffer& out, BufferId out_id)
      : in_(spec.in),
        micro_(kpacked::micro_for(isa)),
        out_(out.kpacked),
        conv_(spec.shape, spec.in_layout,
              kpacked::Thresholds::negate(spec.multiply().codes.data(), spec.shape.outputs, spec.shape.k(),
                                          spec.multiply().flips())
                  .data()),
        thresholds_(spec.shape.outputs, spec.node->type.hi - spec.node->type.lo, spec.multiply().thresholds.data(),
                    spec.multiply().flips()) {
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
  step->layer = layer_of(*spec.node);
  step->work = kpacked_conv_work(spec.shape, spec.multiply().codes, spec.in_layout.code);
  return step;
}

std::unique_ptr<Step> make_lane_step(const LaneSource& source, std::span<const Node* const> chain, const Node* quantize,
                                     const ValueType& result, Isa isa, const Buffer& out, BufferId out_id) {
  LaneChain links;
  const Node* n = source.node;
  const Multiply* m = n ? n->operation->multiply() : nullptr;
  const bool summed = !source.sums.empty();
  if (m && !m->bias.empty())
    links.append(lane([](float x, float bias, float) { return x + bias; }, m->bias), m->shape.outputs);
  for (const Node* link : chain) links.append(*link->operation->lane(), link->type.channels());

  std::unique_ptr<RowSource> rows = make_row_source(source, result, isa);
  const bool by_rows = rows && out.layout != Layout::kKpacked;
  const Thresholds* at = quantize ? quantize->operation->thresholds() : nullptr;
  std::unique_ptr<Step> step;
  if (by_rows) {
    step = make_row_step(std::move(rows), std::move(links), at, result, isa, out, out_id);
  } else {
    std::unique_ptr<Source> tiles = rows ? std::move(rows) : make_tile_source(source, isa);
    step = std::make_unique<LaneStep>(std::move(tiles), std::move(links), at, result, isa, out, out_id);
  }
  const auto append = [&](const Node* part) { step->nodes += (step->nodes.empty() ? "" : "+") + part->graph->name; };
  if (n) append(n);
  for (const Node* link : chain) append(link);
  if (quantize) append(quantize);
  if (m && !summed) {
    step->macs = m->shape.macs();
    step->layer = layer_of(*n);
  }
  if (summed)
    step->work = sums_work(result);
  else if (source.planes)
    step->work = kpacked_conv_work(source.planes->shape, m->codes, source.planes->in_layout.code);
  else if (m)
    step->work = {{WorkKind::kOrderedMac, static_cast<double>(step->macs)}};
  if (source.planes && m->two_scales()) step->work.insert(step->work.end(), step->work.begin(), step->work.end());
  step->work.push_back(floats_work(result, 2 + chain.size() + source.inputs.size(), by_rows));
  if (out.layout == Layout::kSliced)
    step->work.push_back((by_rows ? row_pack_work(result) : turn_work(result)).front());
  return step;
}

}  // namespace tern::infer
