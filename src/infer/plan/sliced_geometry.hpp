// Extents of bit-sliced buffers. A convolution of stride 1 reads its input in place if both sides have one pitch, and
// gates work on whole streams of one pitch, so values that such steps connect form a class with one pitch, wide enough
// for every border that one of them needs. The same holds for the rows from one image of a group to the next.
#pragma once

#include <vector>

#include "kernels/conv_shape.hpp"
#include "kernels/packed/bitsliced/layout.hpp"

namespace tern::infer {

class SlicedGeometry {
 public:
  using i64 = std::int64_t;
  /// Of the image of each value.
  SlicedGeometry(std::vector<i64> widths, std::vector<i64> heights);
  void add_conv(std::size_t in, std::size_t out, const kernels::ConvShape& shape);
  void same(std::size_t a, std::size_t b);
  /// After the last add_conv() and same().
  void settle();

  i64 pitch(std::size_t value) const { return pitch_[find(value)]; }
  i64 period(std::size_t value) const { return period_[find(value)]; }
  i64 margin_bits(std::size_t value) const { return margin_[value]; }

 private:
  struct Edge {
    std::size_t in, out;
    kernels::ConvShape shape;
  };
  std::size_t find(std::size_t v) const;

  mutable std::vector<std::size_t> parent_;
  std::vector<i64> pitch_, period_, margin_;
  std::vector<Edge> convs_;
};

}  // namespace tern::infer
