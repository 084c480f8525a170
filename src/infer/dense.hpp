// Every op on dense arrays, for one image: the reference path, and what the planner falls back to. Values are int8
// codes if their type is codes, else floats.
#pragma once

#include <vector>

#include "core/aligned.hpp"
#include "infer/node.hpp"

namespace tern::infer {

struct Dense {
  float* floats = nullptr;
  std::int8_t* codes = nullptr;
};

/// Memory that run_dense() needs in between; grows once.
struct DenseScratch {
  AlignedVector<float> real_a, real_b, sums;
  AlignedVector<float> bordered;
  AlignedVector<std::int8_t> bordered_codes;
  AlignedVector<std::int32_t> acc, acc_neg;
};

/// What a node needs besides its spans: weights in the forms that the dense loops read.
struct DenseWeights {
  std::vector<float> floats, floats_neg;        ///< weight codes as floats (positive and negative part for two scales)
  std::vector<std::int8_t> positive, negative;  ///< parts of the codes for two scales on codes
};
DenseWeights dense_weights(const Node& node, const ValueType& input);

/// fl(step * code).
void dequantize(const std::int8_t* codes, i64 n, float step, float* out);
/// Fills the input node's 256 values a channel: table[c][pixel].
std::vector<float> input_table(const Node& node);

/// Not for kInput and kFlatten (the latter is the same memory under another shape).
void run_dense(const Node& node, const DenseWeights& weights, std::span<const ValueType* const> types,
               std::span<const Dense> inputs, const Dense& out, DenseScratch& scratch);

}  // namespace tern::infer
