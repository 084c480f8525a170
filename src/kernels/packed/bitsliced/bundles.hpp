// Bundles: output channels that count together, so that they share additions.
//
// Under G = 3 ternary output channels an input meets one of 27 triples of weights: none (0, 0, 0), and 13 up to a
// common sign. Inputs that meet the same triple are added once, with their signs; from the 13 sums S_j the three counts
// follow,
//   acc_g = sum_j pattern_j[g] S_j.
// With 2/3 of the weights nonzero an input is in a sum with probability 26/27, so three channels cost 0.96 additions an
// input instead of 2, and 20 additions of numbers (not of inputs) a bundle for taking the sums apart. For G = 2 it is 4
// sums, 8/9 additions instead of 4/3, and 4 additions of numbers; for G = 4 it is 40 sums, 80/81 additions instead of
// 8/3, and 72 additions of numbers.
//
// Patterns are numbered so that taking apart is a recursion over G: pattern i of the first G - 1 channels has the three
// continuations 3i, 3i + 1, 3i + 2 with +1, -1, 0 in the last channel; the last pattern is (0, .., 0, +1). Then
//   for each i:  T_i = S_3i + S_3i+1 + S_3i+2  is sum i of the first G - 1 channels,
//                D_i = S_3i - S_3i+1           goes to the last channel, together with the last sum.
//
// Half of a level's additions cost nothing if a chain of three columns counts on without starting anew: it leaves
//   X_3i = S_3i,  X_3i+1 = S_3i + S_3i+1,  X_3i+2 = T_i,   and then   D_i = 2 X_3i - X_3i+1.
// That makes 2, 12 and 46 additions of numbers for G = 2, 3 and 4. It needs all inputs in one walk: sums that rest in
// memory between blocks of inputs are of the first kind.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/conv_shape.hpp"

namespace tern::kernels::bitsliced {

inline constexpr int kMaxBundle = 4;

/// Patterns of `outputs` signs, up to a common sign and without the zero one: (3^outputs - 1) / 2.
constexpr int patterns(int outputs) { return outputs == 0 ? 0 : 3 * patterns(outputs - 1) + 1; }

struct Pattern {
  int index = -1;  ///< -1: all signs are 0
  int sign = 0;    ///< the signs are `sign` times those of the pattern
};
/// `signs` from {-1, 0, 1}.
Pattern pattern_of(const std::int8_t* signs, int outputs);

/// Full adders that take the sums of a bundle, or its chains, apart into counts of `bits` planes.
constexpr std::int64_t separation_adders(int outputs, int bits, bool chained) {
  return outputs < 2 ? 0
                     : (chained ? 2 : 4) * patterns(outputs - 1) * bits + separation_adders(outputs - 1, bits, false);
}

/// The counts of a bundle's outputs from the sums of its patterns, or from what its chains have left: the definition of
/// what the kernels do with vectors of numbers.
std::vector<std::int64_t> take_apart(std::vector<std::int64_t> sums, int outputs, bool chained);

/// The columns of a weight matrix that is to be counted: one for each pattern of each bundle. A bundle of one output is
/// that output itself, with any weights. Zero weights have no entry.
struct Columns {
  struct Entry {
    std::int32_t input;  ///< 0 .. k - 1
    std::int8_t weight;  ///< not 0
  };
  std::int64_t bundle = 1;  ///< outputs of a bundle; a group's last one may be smaller
  std::int64_t per_group = 0;
  std::vector<std::vector<Entry>> entries;  ///< [columns] by rising input
  std::vector<std::uint8_t> bundle_size;    ///< [columns] outputs of its bundle
  std::vector<std::uint8_t> closes;         ///< [columns] the same for the last column of a bundle, else 0
  std::vector<std::int64_t> first_output;   ///< [columns] of the bundle

  std::int64_t count() const { return static_cast<std::int64_t>(closes.size()); }
};

/// `weights` [outputs][channels/groups][kernel_h][kernel_w]; bundles of `bundle` outputs; more than one needs ternary
/// weights.
Columns make_columns(const ConvShape& shape, const std::vector<std::int8_t>& weights, std::int64_t bundle);

/// `block` entries or, if that is more than a group, as many whole groups: then no sum has to rest.
constexpr std::int64_t whole_groups(std::int64_t block, std::int64_t group_entries) {
  return block < group_entries ? block : block / group_entries * group_entries;
}

/// How a layer is counted: `bundle` outputs at a time, its inputs in blocks of `block` entries, with or without
/// complements in the panel (micro.hpp).
struct Plan {
  std::int64_t bundle = 1, block = 1;
  bool complements = true;
  double adders = 0;  ///< expected time of a vector of positions, in full adders between registers
};
/// The plan that needs the least time by a rough model. Inputs have `planes` planes in vectors of `vector_bytes`,
/// counts have `bits` planes; `levels` walks over the inputs are needed.
Plan best_plan(const ConvShape& shape, std::span<const std::int8_t> weights, int planes, int vector_bytes, int bits,
               int levels);

}  // namespace tern::kernels::bitsliced
