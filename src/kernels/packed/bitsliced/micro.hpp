// The inner loop of the bit-sliced kernels: for one tile (a vector of output positions) and every column (an output
// channel, or the inputs that a bundle of channels meets with the same weights: bundles.hpp), count how many of the
// column's planes have a 1 at each position, with a tree of carry-save adders. When a bundle's sums are complete, take
// them apart into the counts of its channels and compare those with constants.
//
// What a tile reads lies in a panel: one vector for each (input plane, kernel tap), bit i of it belongs to position i.
// A whole panel is larger than the first-level cache, and the second level delivers too little for two loads a weight
// (Zen 5: 0.7 vectors a cycle against 2). So the taps are cut into blocks. Each pass fills the panel with one block and
// runs over columns, whose sums rest in memory between passes.
//
// A weight is no operand: it is an entry in its column's list of panel offsets. Zero weights are not in it. For -1
// there are two ways.
//   Complements: the panel has a second vector of each plane, since -b is (1 - b) - 1, and the ones that are too much
//   belong to the constants that counts are compared with. A column is one list, whatever its signs; the panel is twice
//   as large. Signs: counts are two's complement numbers, and subtraction is addition to the complement: -(-S - 1 + n)
//   - 1 = S - n, that is ~(~S + n). A column is two lists, of - and + entries, and the - entries go through the very
//   same adders, between two inversions of the count. That is for large panels of wide vectors, where the loads limit
//   (best_plan()).
#pragma once

#include <cstdint>

#include "kernels/isa.hpp"

namespace tern::kernels::bitsliced {

/// Lists come in groups of this many planes: the fewer lengths they have, the better the CPU guesses where they end.
/// That is worth the zeros that fill them up.
inline constexpr int kGroupPlanes = 8;
inline constexpr int kMaxBits = 20;    ///< planes of a count
inline constexpr int kMaxLevels = 16;  ///< thresholds of an output code

/// Planes that the sum of a column may have. run_tile() has code for each, all of it unrolled; with address checks that
/// takes minutes to compile, so such builds have few of them, and read every list ahead.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TERN_FEW_SIZES
#endif
#endif
#if defined(TERN_FEW_SIZES) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kFewSizes = true;
inline constexpr int kSumBits[] = {10, kMaxBits};
#else
inline constexpr bool kFewSizes = false;
inline constexpr int kSumBits[] = {9, 10, 12, 14, kMaxBits};
#endif

/// Planes that the counts of a bundle's outputs have more than its sums. A count is made of 3 sums of three columns for
/// three outputs, and of 9 for four.
inline constexpr int kMoreBits[] = {0, 0, 0, 2, 3};
constexpr int count_bits(int sum_bits, int outputs) {
  return sum_bits + kMoreBits[outputs] < kMaxBits ? sum_bits + kMoreBits[outputs] : kMaxBits;
}

/// Bytes; a panel has at most 65536 of them.
inline constexpr int kOffsetUnit = 16;

/// Entries (weights with `pairs`, else pairs of planes) that a list is read ahead to fetch what lies in the
/// second-level cache; as many are readable behind the last list.
inline constexpr int kAhead = 24;

/// Zero vectors at the start of the panel: what list entries of padding point to.
inline constexpr std::int64_t kZeroVectors = 2;

/// What one pass does to one column (bundles.hpp).
struct Run {
  std::int32_t minus, plus;  ///< groups of kGroupPlanes; with complements all in `plus`
  std::uint8_t stored;       ///< planes of the sum that the pass before has left; 0: begin with TileTask::start
  bool continues;            ///< begin with the sum of the column before instead
  bool twice;                ///< double what was stored first, as the weights that follow have half the magnitude
  std::uint8_t closes;       ///< size of the bundle that ends with this column, else 0
  bool last;                 ///< nothing follows: take the bundle's sums apart, compare and write the codes
};

struct TileTask {
  const std::uint8_t* panel;   ///< vectors, aligned to their size
  const std::uint16_t* list;   ///< offsets in the panel in kOffsetUnit, column after column
  const Run* runs;             ///< [columns]
  const std::uint32_t* start;  ///< [bits]: all ones where that bit of the number is 1 that sums begin with
  bool complements;            ///< the panel has them
  bool far;                    ///< the panel is larger than the first-level cache
  bool pairs;                  ///< an entry is one offset of two adjacent vectors; else two offsets
  int bits;  ///< planes of a sum in this pass, enough for its range and sign, as count_bits() of it for counts
  std::uint8_t* sums;              ///< [columns][sum_planes] vectors, or of one bundle only if they need not rest
  int sum_planes;                  ///< planes from a sum to the next, >= bits
  bool rest;                       ///< if not, columns continue each other by threes (bundles.hpp)
  const std::uint32_t* constants;  ///< [outputs][levels][n], n = count_bits(bits, outputs of the bundle): all ones
                                   ///< where that bit of threshold + 2^(n-1) is 1. Without thresholds [outputs][planes]
  int levels;        ///< thresholds; out code = number of them that count reaches. 0: count + constant, modulo
                     ///< 2^planes, wherever the position lies
  bool thermometer;  ///< out plane j = [reached j]; else the binary digits of the number
  std::int64_t columns;
  const std::uint8_t* valid;  ///< a vector: 1 where the position belongs to the image
  std::uint64_t border[8];    ///< bits of each out plane where it does not: all ones or zero
  std::uint8_t* out;          ///< plane (o, k) of this tile at out + (o * planes + k) * plane_bytes
  std::int64_t plane_bytes;
  int planes;
};

/// Where the positions of a tile find their value under one kernel tap: `shift` (0..63) bits after byte `offset`. Taps
/// that share words have the same offset.
struct Tap {
  std::int64_t offset;
  int shift;
};
struct PanelTask {
  const std::uint8_t* from;  ///< plane 0
  std::int64_t plane_bytes;
  int planes;  ///< of a channel
  bool complements;
  const Tap* taps;
  int count;                ///< of taps
  std::int64_t begin, end;  ///< entries channel * count + tap
  std::uint8_t* panel;      ///< [end - begin][planes] vectors; with complements [end - begin][2][planes]
};

/// The other way: planes of binary digits to the numbers of 64 positions.
struct NumbersTask {
  const std::uint8_t* stream;  ///< of plane 0
  std::int64_t plane_bytes;
  int planes;           ///< at most kMaxBits
  std::int64_t bit;     ///< of the first position, a multiple of 8
  std::int32_t lowest;  ///< what no bit stands for
  std::int32_t* out;    ///< [64]
};

struct Micro {
  const char* name;
  int vector_bytes;
  const Micro* half;  ///< the same with vectors of half the bytes, for tiles that they hold; or null
  void (*run_tile)(const TileTask& task);
  void (*fill_panel)(const PanelTask& task);
  /// Does 8 * `rounds` full adders on registers and nothing else; what run_tile() can reach at best. A number that
  /// depends on all of them.
  std::uint64_t (*only_add)(std::int64_t rounds);
  void (*read_numbers)(const NumbersTask& task);
  /// Bit i of reached[j] = row[i] >= thresholds[j], i < 64, j < levels. NaN reaches nothing.
  void (*compare_row)(const float* row, const float* thresholds, int levels, std::uint64_t* reached);

  template <Isa isa>
  static const Micro& body();
};

inline const Micro& micro_for(Isa isa) { return choose<Micro, TERN_ISAS_BITSLICED>(isa); }

}  // namespace tern::kernels::bitsliced
