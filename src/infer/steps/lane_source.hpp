// Where a fused step's floats come from (lane_step.cpp, row_step.cpp): a convolution's sums in K-packed or bit-sliced
// planes, an ordered float sum, or arrays that are there already.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "infer/steps/steps.hpp"

namespace tern::infer {

/// A tile: `pixels` results from pixel `index` (row-major), of up to 16 channels from `first`.
struct TileAt {
  i64 first, channels, index, pixels;
};

/// Thread safety: any.
class Source {
 public:
  virtual ~Source() = default;
  virtual i64 blocks() const = 0;
  /// First channel and number of channels of a block.
  virtual std::pair<i64, i64> channels(i64 block) const = 0;
  /// v: [kTilePixels][kTileLanes].
  virtual void fill(Workspace& w, i64 block, const TileAt& at, float* v) const = 0;
  virtual const char* name() const = 0;
  /// Tiles may not cross multiples of so many pixels; 0: they may lie anywhere.
  virtual i64 run() const { return 0; }
  /// Pixels of a tile.
  virtual i64 most() const { return kTilePixels; }
};

/// A source that has its floats channel after channel: rows of up to kTilePixels pixels of one channel, which tiles are
/// made of only where the sink wants them.
class RowSource : public Source {
 public:
  explicit RowSource(i64 outputs) : outputs_(outputs) {}
  /// Pixels index .. index + n - 1 of a channel, within what run() and most() allow.
  virtual void row(Workspace& w, i64 channel, i64 index, i64 n, float* v) const = 0;

  i64 blocks() const final { return (outputs_ + kTileLanes - 1) / kTileLanes; }
  std::pair<i64, i64> channels(i64 block) const final {
    return {block * kTileLanes, std::min(kTileLanes, outputs_ - block * kTileLanes)};
  }
  void fill(Workspace& w, i64 block, const TileAt& at, float* v) const final;

 private:
  i64 outputs_;
};

/// Rows to floats, bit-sliced planes or i8; see make_lane_step(), which calls it.
std::unique_ptr<Step> make_row_step(std::unique_ptr<RowSource> source, LaneChain chain, const Thresholds* quantize,
                                    const ValueType& result, Isa isa, const Buffer& out, BufferId out_id);

/// A source of rows, or null where there are only tiles.
std::unique_ptr<RowSource> make_row_source(const LaneSource& source, const ValueType& result, Isa isa);
/// Any other.
std::unique_ptr<Source> make_tile_source(const LaneSource& source, Isa isa);

}  // namespace tern::infer
