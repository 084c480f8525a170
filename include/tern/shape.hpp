// Shape: the extents of a tensor, outermost first. A small value type without heap memory.
//
// Dimension letters used everywhere in tern:
//   N batch   C input channels   H, W input height, width   O output channels (filters)
//   R, S kernel height, width    P, Q output height, width  K = C*R*S (length of one inner product)
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "tern/public.h"

namespace tern {

class TERN_PUBLIC Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;
  /// Errors: ShapeError if an extent is negative, more than kMaxRank are given, or their product overflows int64.
  Shape(std::initializer_list<std::int64_t> extents);
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const { return rank_; }
  /// Extent of dimension `i`; a negative `i` counts from the back. Errors: ShapeError if out of range.
  std::int64_t operator[](int i) const;
  /// Product of the extents; 1 for rank 0.
  std::int64_t numel() const { return numel_; }
  /// A view into this shape, which must outlive it: those of a temporary cannot be asked for.
  std::span<const std::int64_t> extents() const& { return {extents_.data(), static_cast<std::size_t>(rank_)}; }
  std::span<const std::int64_t> extents() const&& = delete;
  /// A copy with dimension `i` replaced.
  Shape with(int i, std::int64_t extent) const;

  /// "2x3x28x28"; "scalar" for rank 0. parse() reads the same form.
  std::string str() const;
  /// Errors: ValueError if `text` is not of the form AxBxC.
  static Shape parse(const std::string& text);

  friend bool operator==(const Shape& a, const Shape& b);

 private:
  std::array<std::int64_t, kMaxRank> extents_{};
  int rank_ = 0;
  std::int64_t numel_ = 1;
};

}  // namespace tern
