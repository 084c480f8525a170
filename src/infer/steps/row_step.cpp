// Fused steps like those of lane_step.cpp whose floats come channel after channel and stay so: a row of one channel's
// pixels is loaded, changed and stored, and no tile is turned. For sinks that lie channel after channel too, which
// bit-sliced planes do.
#include <algorithm>
#include <array>
#include <memory>
#include <span>

#include "infer/steps/lane_source.hpp"
#include "kernels/exact.hpp"
#include "kernels/packed/bitsliced/bits.hpp"
#include "kernels/packed/bitsliced/micro.hpp"

namespace tern::infer {
namespace {

namespace bitsliced = kernels::bitsliced;
using bitsliced::BitWriter;

class RowStep final : public Step {
 public:
  RowStep(std::unique_ptr<RowSource> source, LaneChain chain, const Thresholds* quantize, const ValueType& result,
          Isa isa, const Buffer& out, BufferId out_id)
      : source_(std::move(source)),
        chain_(std::move(chain)),
        quantize_(quantize),
        type_(result),
        micro_(bitsliced::micro_for(isa)),
        out_(out) {
    output = out_id;
    kernel = std::string(source_->name()) + "/" + std::string(name_of(isa));
  }

  i64 units() const override { return type_.channels(); }
  std::size_t scratch_bytes() const override { return out_.layout == Layout::kSliced ? kMost * sizeof(BitWriter) : 0; }
  void run(Workspace& w, i64 begin, i64 end) const override {
    alignas(64) std::array<float, kTilePixels> row;
    std::span<BitWriter> planes;
    const i64 pixels = type_.pixels(), most = source_->most(), run = source_->run() > 0 ? source_->run() : whole_rows();
    for (i64 c = begin; c < end; ++c) {
      if (out_.layout == Layout::kSliced) planes = open(w, c);
      for (i64 i = 0, n = 0; i < pixels; i += n) {
        n = std::min({most, pixels - i, run - i % run});
        float* v = quantize_ ? row.data() : w.at<float>(output) + c * pixels + i;
        source_->row(w, c, i, n, v);
        chain_.apply_row(v, n, c);
        if (out_.layout == Layout::kSliced)
          store_planes(planes, i, n, v);
        else if (quantize_)
          store_codes(w.at<std::int8_t>(output) + c * pixels + i, n, v);
      }
      for (BitWriter& plane : planes) plane.finish();
    }
  }

 private:
  void store_codes(std::int8_t* to, i64 n, const float* v) const {
    for (i64 i = 0; i < n; ++i)
      to[i] = static_cast<std::int8_t>(exact::quantize(v[i], quantize_->values, quantize_->lo));
  }

  // As many rows of the image as a row of floats holds; part of one if that is wide.
  i64 whole_rows() const { return std::max<i64>(1, kTilePixels / type_.width()) * type_.width(); }

  static constexpr std::size_t kMost = 255;  // planes, of thermometer codes

  // A writer for each plane of a channel.
  std::span<BitWriter> open(Workspace& w, i64 channel) const {
    const bitsliced::SlicedLayout d = out_.sliced.image(w.index);
    const std::span planes(reinterpret_cast<BitWriter*>(w.scratch), static_cast<std::size_t>(d.code.planes()));
    for (i64 k = 0; k < d.code.planes(); ++k) {
      std::construct_at(
          &planes[static_cast<std::size_t>(k)],
          w.at<std::uint8_t>(output) + (channel * d.code.planes() + k) * d.plane_bytes() + d.front_bytes(),
          d.bit(0, 0));
    }
    return planes;
  }

  void store_planes(std::span<BitWriter> planes, i64 index, i64 n, const float* v) const {
    static_assert(kTilePixels == 64);
    const bitsliced::SlicedLayout& d = out_.sliced;
    const int levels = d.code.levels();
    std::array<std::uint64_t, 255> reached;
    std::array<std::uint64_t, 8> digits{};
    micro_.compare_row(v, quantize_->values.data(), levels, reached.data());
    // Digit k of the number of levels reached is the parity of how many multiples of 2^k are among them.
    for (int j = 0; j < levels && !d.code.thermometer(); ++j) {
      for (std::size_t k = 0; k < planes.size() && (j + 1) % (1 << k) == 0; ++k)
        digits[k] ^= reached[static_cast<std::size_t>(j)];
    }
    const i64 gap = d.pitch - d.width, first = index % d.width;
    for (std::size_t k = 0; k < planes.size(); ++k) {
      const std::uint64_t word = d.code.thermometer() ? reached[k] : digits[k];
      const bool border = d.border_bit(static_cast<int>(k));
      for (i64 i = 0, x = first; i < n; x = 0) {
        const i64 piece = std::min(n - i, d.width - x);
        const std::uint64_t bits = word >> i & bitsliced::low_mask(piece);
        const bool has_gap = x == 0 && index + i > 0;  // in front of each row of the image but the first
        if (has_gap && gap + piece <= 64) {
          planes[k].append((border ? bitsliced::low_mask(gap) : 0) | bits << gap, gap + piece);
        } else {
          if (has_gap) planes[k].repeat(border, gap);
          planes[k].append(bits, piece);
        }
        i += piece;
      }
    }
  }

  std::unique_ptr<RowSource> source_;
  LaneChain chain_;
  const Thresholds* quantize_;
  ValueType type_;
  const bitsliced::Micro& micro_;
  Buffer out_;
};

}  // namespace

std::unique_ptr<Step> make_row_step(std::unique_ptr<RowSource> source, LaneChain chain, const Thresholds* quantize,
                                    const ValueType& result, Isa isa, const Buffer& out, BufferId out_id) {
  return std::make_unique<RowStep>(std::move(source), std::move(chain), quantize, result, isa, out, out_id);
}

}  // namespace tern::infer
