// What happens to results in registers' reach: a chain of Lane operations on a small tile of [pixels][16 channels] or a
// row of one channel's pixels, evaluated one operation after the other exactly as separate nodes would.
#pragma once

#include <vector>

#include "core/aligned.hpp"
#include "infer/ops/lane.hpp"

namespace tern::infer {

inline constexpr i64 kTilePixels = 64;

class LaneChain {
 public:
  void append(const Lane& lane, i64 channels);

  /// v: [pixels][16] of channels first .. first + 15; lanes past the last channel hold anything.
  void apply(float* v, i64 pixels, i64 first) const;
  /// v: [pixels] of one channel.
  void apply_row(float* v, i64 pixels, i64 channel) const;

 private:
  struct Link {
    Lane lane;
    AlignedVector<float> a, b;  // padded with zeros to whole tiles
  };
  std::vector<Link> links_;
};

}  // namespace tern::infer
