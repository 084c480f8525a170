// What happens to results in registers' reach: a chain of per-channel float operations on a small tile of
// [pixels][16 channels] or a row of one channel's pixels, evaluated one operation after the other exactly as separate
// nodes would.
#pragma once

#include <span>
#include <vector>

#include "core/aligned.hpp"
#include "infer/node.hpp"

namespace tern::infer {

inline constexpr i64 kTileLanes = 16, kTilePixels = 64;

class LaneChain {
 public:
  /// y = v * a[c], y = v + a[c]
  void multiply(std::span<const float> a, i64 channels);
  void add(std::span<const float> a, i64 channels);
  /// An elementwise node (affine, relu, prelu, hardtanh). Errors: none; other ops are a mistake of the planner.
  void append(const Node& node);
  static bool takes(Op op) { return op == Op::kAffine || op == Op::kRelu || op == Op::kPrelu || op == Op::kHardtanh; }

  /// v: [pixels][16] of channels first .. first + 15; lanes past the last channel hold anything.
  void apply(float* v, i64 pixels, i64 first) const;
  /// v: [pixels] of one channel.
  void apply_row(float* v, i64 pixels, i64 channel) const;

 private:
  template <class Floats>
  void apply_to(const Floats& floats, i64 first) const;
  enum class Kind { kMultiply, kAdd, kAffine, kRelu, kPrelu, kHardtanh };
  struct Link {
    Kind kind;
    AlignedVector<float> a, b;  // padded with zeros to whole tiles
  };
  static AlignedVector<float> padded(std::span<const float> values, i64 channels);
  std::vector<Link> links_;
};

}  // namespace tern::infer
