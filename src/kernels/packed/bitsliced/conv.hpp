// Bit-sliced carry-save convolution: codes in planes in, codes in planes out, thresholds fused, no multiplication and
// no unpacking in between. Or, without thresholds, the integer sums, in planes too. Any kernel, stride, padding,
// dilation and groups: what differs is only where a tile's positions find their values under each tap, and that is
// settled when the panel is filled.
//
// Derivation of the constants. With activations lo + sum_k W_k b_k and weights as signed binary digits,
//   acc = lo * sum w + S,      S = sum_L 2^L (sum over + entries of b - sum over - entries of b).
// Counted is S + shift where the panel has complements: sums do not begin with zero then, and count 1 - b for -
// entries. So acc >= T is S + shift >= T - lo * sum w + shift, a comparison of the bit-sliced count with a constant of
// the output channel.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "core/aligned.hpp"
#include "kernels/conv_shape.hpp"
#include "kernels/packed/bitsliced/bundles.hpp"
#include "kernels/packed/bitsliced/layout.hpp"
#include "kernels/packed/bitsliced/micro.hpp"

namespace tern::kernels::bitsliced {

class Conv {
 public:
  /// Whether counts surely fit in kMaxBits planes, and the codes are of a kind that this family has.
  static bool supports(const ConvShape& shape, std::span<const std::int8_t> weights, const PlaneCode& input);
  static bool supports(const ConvShape& shape, std::span<const std::int8_t> weights, const PlaneCode& input,
                       const PlaneCode& output);
  /// The code of an output that holds acc itself: binary digits, enough for every acc that these weights can make.
  static PlaneCode sum_code(const ConvShape& shape, std::span<const std::int8_t> weights, const PlaneCode& input);
  /// Smallest pitch that the output may have when the input has `in_pitch`; a larger one is as good.
  static i64 output_pitch(const ConvShape& shape, i64 in_pitch);

  struct Spec {
    ConvShape shape;
    SlicedLayout input;          ///< margin >= margin_bits(shape, output.pitch) where the input is read in place
    SlicedLayout output;         ///< as many images as in the input, and the same period; several only if read in place
    const std::int8_t* weights;  ///< codes [outputs][channels/groups][kernel_h][kernel_w]
    const std::int32_t* thresholds;  ///< [outputs][levels of output.code], as the op's definition has them; null: the
                                     ///< output holds acc in sum_code(), and its border nothing
    const std::int8_t* flip;         ///< [outputs] or null; null for sums
    Plan plan = {0, 0};              ///< a bundle of 0: chosen by best_plan()
  };
  Conv(const Spec& spec, const Micro& widest);
  /// What runs of an instruction set's kernels: vectors no wider than the output fills.
  static const Micro& fitting(const Micro& widest, const SlicedLayout& output);
  const Micro& micro() const { return *micro_; }
  /// Border bits that the input needs around its stream.
  static i64 margin_bits(const ConvShape& shape, i64 pitch);
  /// best_plan() for this layer.
  static Plan plan(const ConvShape& shape, std::span<const std::int8_t> weights, const PlaneCode& input,
                   const Micro& micro);

  /// Bytes of prepared input (0: the input is read in place) and of one tile's scratch: the panel, and the columns'
  /// sums.
  i64 prepared_bytes() const { return in_place_ ? 0 : phases_ * phase_.total_bytes(); }
  i64 panel_bytes() const;
  i64 tiles() const { return tiles_; }
  /// Writes the border and the constant vectors of the scratch buffers; once for buffers that are not used otherwise.
  void init_prepared(u8* prepared) const;
  void init_panel(u8* panel) const;
  /// Rearranges the input for other strides or pitches.
  void prepare(const u8* input, u8* prepared) const;
  /// Computes tile `tile`. `source` is the input itself, or what prepare() made.
  void run(const u8* source, u8* panel, i64 tile, u8* output) const;

  /// Full adders of a tile: one for each plane of an entry in a list. Taking sums apart is not counted.
  i64 adders() const { return adders_; }

 private:
  // One walk over the columns of a chunk that a block of entries (channel, tap) belongs to.
  struct Pass {
    i64 begin, end;             // entries
    i64 first_column, columns;  // within the chunk
    i64 first_output;
    std::size_t list, runs, constants;               // where its lists, runs and constants begin
    int bits;                                        // of a sum
    std::array<std::uint32_t, kMaxBits> start = {};  // TileTask::start
  };
  // Of an output's S, the sum of its weights, and what its count is more than S.
  struct Range {
    i64 low = 0, high = 0, weights = 0, shift = 0;
  };
  // A column's sum so far: what it is more than the sum of its entries with their signs, its range, and its planes.
  struct Sum {
    i64 shift = 0, low = 0, high = 0;
    u8 bits = 0;
  };
  static std::vector<Range> find_ranges(const ConvShape& shape, std::span<const std::int8_t> weights,
                                        const PlaneCode& input);
  static int bits_of(const std::vector<Range>& ranges);

  void place_taps();
  std::vector<std::int8_t> oriented(const Spec& spec) const;
  void make_passes(const std::vector<std::int8_t>& weights, const Spec& spec);
  i64 start_value(const Columns& columns, int outputs) const;
  std::int32_t add_list(const std::vector<Columns::Entry>& column, int sign, i64 group, const Pass& pass, int level,
                        int digits, Sum& sum);
  int shift_counts(const std::vector<Sum>& sums, int outputs, i64 first_output);
  void add_constants(const Spec& spec, i64 first_output, i64 outputs, int bits);

  ConvShape shape_;
  SlicedLayout in_, out_, phase_;
  const Micro* micro_;
  bool in_place_ = true;
  i64 phases_ = 1, tiles_ = 0, panel_vectors_ = kZeroVectors, resting_columns_ = 0, adders_ = 0;
  bool pairs_ = false, complements_ = true;
  bool sums_ = false;  // no thresholds
  bool rest_ = false;  // sums rest between passes
  int bits_ = 0;       // of an output's S
  int sum_planes_ = 0;
  std::vector<Pass> passes_;
  struct Phase {
    i64 y, x;
  };
  std::vector<Phase> phase_list_;
  std::vector<Tap> taps_;  // at tile 0
  std::vector<std::uint16_t> lists_;
  std::vector<Run> runs_;
  std::vector<Range> ranges_;  // per output
  std::vector<std::uint32_t> constants_;
  AlignedVector<u8> valid_;  // [tile] vectors
};

}  // namespace tern::kernels::bitsliced
