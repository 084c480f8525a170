// Numbers to codes: by comparison with thresholds, or rounded to a grid where the thresholds are one.
#pragma once

#include <optional>

#include "export/onnx/body.hpp"

namespace tern::onnx {

/// lo + #{j : x >= thresholds[j]} of the node's type; `thresholds` are names of tensors.
std::string by_thresholds(const Body& b, const std::string& x, const std::vector<std::string>& thresholds);
/// Codes 0 and 1 of a tensor of bools.
std::string of_bits(const Body& b, const std::string& x);
/// The code nearest to x / spacing.
std::string by_grid(const Body& b, const std::string& x, float spacing);

/// Spacing of the grid whose midpoints the thresholds are; none if they are not.
std::optional<float> grid_of(std::span<const float> thresholds, int lo);

/// y = slope * acc + offset, which lies above lo + j + 1/2 exactly where the whole number acc reaches thresholds[j].
struct Line {
  double slope = 0, offset = 0;
};
/// The one that stays furthest from its midpoints, for every acc in [-reach, reach]; none if none stays far enough from
/// them for sums of floats. `thresholds` ascend.
std::optional<Line> line_of(std::span<const std::int32_t> thresholds, int lo, i64 reach);

}  // namespace tern::onnx
