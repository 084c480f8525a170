// Level sets: a few fixed integers, the same on both sides of zero, that weights are put on.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tern/public.h"

namespace tern {

class TERN_PUBLIC LevelSet {
 public:
  /// "binary" {-1, 1}; "ternary" {-1, 0, 1}; "five" {-2, -1, 0, 1, 2}; "pow2" {0, +-1, +-2, .., +-2^(count - 1)}, count
  /// within 1 .. 7 (the others ignore it). Errors: ValueError listing the known names; on count out of range.
  static LevelSet named(std::string_view name, int count = 3);
  static const std::vector<std::string>& names();

  const std::string& name() const& { return name_; }
  std::string name() && { return std::move(name_); }
  /// The positive levels, ascending.
  const std::vector<int>& magnitudes() const& { return magnitudes_; }
  std::vector<int> magnitudes() && { return std::move(magnitudes_); }
  bool has_zero() const { return has_zero_; }
  int max() const { return magnitudes_.back(); }
  /// What the smallest |x| are mapped to: 0, or the smallest magnitude.
  int base() const { return has_zero_ ? 0 : magnitudes_.front(); }

  /// Beyond thresholds()[j] (strictly) the level grows by jumps()[j]:  |level| = base() + sum of jumps()[j] 1{|x| >
  /// t_j}. A threshold lies halfway between two neighbours, so a tie goes to the lower magnitude.
  const std::vector<double>& thresholds() const& { return thresholds_; }
  const std::vector<int>& jumps() const& { return jumps_; }
  std::vector<double> thresholds() && { return std::move(thresholds_); }
  std::vector<int> jumps() && { return std::move(jumps_); }

  /// The level nearest to x. Without a zero level, 0 maps to the positive side; NaN maps to the lowest level.
  /// Gradient: none, it is a step function; the straight-through rule of `grid` is in src/quant/grid.cpp.
  template <class T>
  int nearest(T x) const {
    if (!(x == x)) return -max();
    const T size = std::abs(x);
    int level = base();
    for (std::size_t j = 0; j < thresholds_.size(); ++j) level += size > static_cast<T>(thresholds_[j]) ? jumps_[j] : 0;
    return x < 0 ? -level : level;
  }
  bool contains(int level) const;

 private:
  std::string name_;
  std::vector<int> magnitudes_, jumps_;
  std::vector<double> thresholds_;
  bool has_zero_ = true;
};

}  // namespace tern
