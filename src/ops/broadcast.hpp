// Broadcasting as NumPy does it: extents are aligned at the back, an extent of 1 stretches. Internal to ops.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "tern/tensor.hpp"

namespace tern::ops {

/// Walks two contiguous operands of a broadcast at once. Neighbouring dimensions that step alike are merged, so that
/// the innermost one is as long as possible; its strides are 0 or 1.
struct BroadcastPlan {
  Shape result;
  int rank = 0;
  std::array<std::int64_t, Shape::kMaxRank> extent{}, stride_a{}, stride_b{};

  /// Calls f(i, a, b, count) for runs of the innermost dimension that cover result elements [begin, end).
  template <class F>
  void runs(std::int64_t begin, std::int64_t end, F&& f) const {
    const auto last = static_cast<std::size_t>(rank - 1);
    for (std::int64_t i = begin; i < end;) {
      std::int64_t rest = i, a = 0, b = 0, within = 0;
      for (std::size_t d = last + 1; d-- > 0;) {
        const std::int64_t index = rest % extent[d];
        rest /= extent[d];
        if (d == last) within = index;
        a += index * stride_a[d];
        b += index * stride_b[d];
      }
      const std::int64_t count = std::min(extent[last] - within, end - i);
      f(i, a, b, count);
      i += count;
    }
  }
};

/// Errors: ShapeError if the shapes do not broadcast.
BroadcastPlan plan_broadcast(std::string_view op, const Shape& a, const Shape& b);

/// Sums a gradient over the dimensions in which `shape` was stretched to dy's shape.
Tensor sum_to_shape(const Tensor& dy, const Shape& shape);

}  // namespace tern::ops
