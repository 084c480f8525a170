// Values as planes of bits: their border, their extents in either layout, and which convolutions can run on them.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "infer/plan/sliced_geometry.hpp"
#include "infer/plan/task.hpp"
#include "kernels/packed/bitsliced/layout.hpp"
#include "kernels/packed/kpacked/layout.hpp"

namespace tern::infer {

/// Bits of more than 7 planes do not fit the steps that work on them.
inline constexpr int kMostPlanes = 8;
/// Bit-sliced planes have a size for each channel that no image should need.
inline constexpr i64 kMostSlicedBytes = i64{1} << 30;

class PlaneValues {
 public:
  explicit PlaneValues(const Task& task);

  kernels::kpacked::PlaneCode code(std::size_t node) const;
  /// Of a multiplication, on the planes that it would read.
  kernels::ConvShape conv(std::size_t i) const { return task_.multiply(i)->on(task_.type(task_.in_root(i))); }
  kernels::bitsliced::SlicedLayout sliced(std::size_t node) const;
  /// Of the integer sums of a multiplication.
  kernels::bitsliced::SlicedLayout sums(std::size_t i, std::span<const std::int8_t> weights) const;

  /// Which families can run a multiplication.
  bool runs_kpacked(std::size_t i) const { return kpacked_[i]; }
  bool runs_sliced(std::size_t i) const { return sliced_[i]; }
  /// Whether a value has few planes, and sizes that an image should need.
  bool fits_sliced(std::size_t node) const;
  /// Whether a bit-sliced convolution wants its input rearranged.
  bool is_moved(std::size_t i) const;

 private:
  void settle_borders();
  void settle_families();
  void settle_groups();

  const Task& task_;
  std::vector<std::optional<int>> border_;  // of a root, where some convolution pads it
  std::vector<bool> kpacked_, sliced_;
  SlicedGeometry geometry_;
};

}  // namespace tern::infer
