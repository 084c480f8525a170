// Scores without floats. Where every value of a network is codes, its scores are sums of codes times a scale, and those
// are whole numbers of a power of two: single precision is 24 digits, wherever they stand. C then computes them in
// 64 bits and rounds where single precision rounds.
#pragma once

#include <optional>
#include <vector>

#include "export/c/table.hpp"
#include "infer/ops/multiply.hpp"

namespace tern::c99 {

/// What real numbers are made of sums by: fl(factor * sum), of two factors their difference, plus a bias. Each list has
/// one number, or one an output; absent ones are empty.
struct Scaling {
  std::vector<float> factor, negative_factor, bias;
  i64 reach = 0;  ///< no sum is larger
};

/// Whether the layer's sums are integers: both weights and input are codes.
bool on_codes(const infer::Multiply& layer, const infer::ValueType& in);
/// Of a layer that reads `in`: on codes factors are fl(scale * step), else the scales.
Scaling scaling(const infer::Multiply& layer, const infer::ValueType& in);
/// Of the codes themselves.
Scaling scaling(const infer::ValueType& codes);

/// The largest exponent for which all that single precision computes here is a whole number of 2^exponent, below 2^61.
/// None: floats are needed (scales too far apart, negative ones, whose zero has a sign, or sums beyond 24 digits).
std::optional<int> unit_of(const Scaling& scaling);
/// Each as a number of 2^unit.
std::vector<i64> in_units(const std::vector<float>& values, int unit);

}  // namespace tern::c99
