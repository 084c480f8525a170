// The inner loop of the bit-sliced kernels: for one tile (a vector of output positions) and every column (an output
// channel, or the inputs that a bundle of channels meets with the same weights: bundles.hpp), count how many of the
// column's planes have a 1 at each position, with a tree of carry-save adders. When a bundle's sums are complete, take them
// apart into the counts of its channels and compare those with constants.
//
// What a tile reads lies in a panel: one vector for each (input plane, kernel tap), bit i of it belongs to position i. A
// whole panel is larger than the first-level cache, and the second level delivers too little for two loads a weight (Zen
// 5: 0.7 vectors a cycle against 2). So the taps are cut into blocks. Each pass
// fills the panel with one block and runs over columns, whose sums rest in memory between passes.
//
// A weight is no operand: it is an entry in its column's list of panel offsets. Zero weights are not in it.
// Counts are two's complement numbers, and subtraction is addition to the complement: -(-S - 1 + n) - 1 = S - n, that is
// ~(~S + n). So the - entries go through the very same adders, between two inversions of the count.
#pragma once

#include <cstdint>

#include "tern/cpu.hpp"

namespace tern::kernels::bitsliced {

/// Entries (weights with `pairs`, else pairs of planes) in a list come in pairs.
inline constexpr int kGroup = 2;
inline constexpr int kMaxBits = 20;    ///< planes of a count
inline constexpr int kMaxLevels = 16;  ///< thresholds of an output code

/// Planes that the sum of a column and the count of an output may have. Every count is a size for columns too, so that a sum
/// never has more planes than its output's count. run_tile() has code for each, all of it unrolled; with address checks that
/// takes minutes to compile, so such builds have few of them.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TERN_FEW_SIZES
#endif
#endif
#if defined(TERN_FEW_SIZES) || defined(__SANITIZE_ADDRESS__)
inline constexpr int kColumnBits[] = {10, kMaxBits};
inline constexpr int kCountBits[] = {10, kMaxBits};
#else
inline constexpr int kColumnBits[] = {7, 8, 9, 10, 12, 14, kMaxBits};
inline constexpr int kCountBits[] = {8, 10, 12, 14, kMaxBits};
#endif

/// Bytes; a panel is smaller than 65536 of them.
inline constexpr int kOffsetUnit = 16;

/// Entries that a list is read ahead to fetch what lies in the second-level cache; as many are readable behind the last list.
inline constexpr int kAhead = 24;

/// Zero vectors at the start of the panel: what list entries of padding point to.
inline constexpr std::int64_t kZeroVectors = 2;

/// What one pass does to one column (bundles.hpp): groups of - entries, then groups of + entries.
struct Run {
  std::int32_t minus, plus;  ///< groups of kGroup
  std::uint8_t stored;       ///< planes of the sum that the pass before has left; 0: begin with zero
  bool twice;                ///< double that sum first, as the weights that follow have half the magnitude
  std::uint8_t closes;       ///< size of the bundle that ends with this column, else 0
  bool last;                 ///< nothing follows: take the bundle's sums apart, compare and write the codes
};

struct TileTask {
  const std::uint8_t* panel;       ///< vectors, aligned to their size
  const std::uint16_t* list;       ///< offsets in the panel in kOffsetUnit, column after column, - then +
  const Run* runs;                 ///< [columns]
  bool far;                        ///< the panel is larger than the first-level cache
  bool pairs;                      ///< an entry is one offset of two adjacent vectors; else two offsets
  int bits;                        ///< planes of a sum in this pass, enough for its range and sign
  std::uint8_t* sums;              ///< [columns][count_bits] vectors, or of one bundle only if they need not rest
  bool rest;
  int count_bits;                  ///< planes of an output's count, >= bits
  const std::uint64_t* constants;  ///< [outputs][levels][count_bits]: all ones where that bit of threshold + 2^(count_bits-1) is 1
  int levels;                      ///< thresholds; out code = number of them that count reaches
  bool thermometer;                ///< out plane j = [reached j]; else the binary digits of the number
  std::int64_t columns;
  const std::uint8_t* valid;       ///< a vector: 1 where the position belongs to the image
  std::uint64_t border[8];         ///< bits of each out plane where it does not: all ones or zero
  std::uint8_t* out;               ///< plane (o, k) of this tile at out + (o * planes + k) * plane_bytes
  std::int64_t plane_bytes;
  int planes;
};

/// Where the positions of a tile find their value under one kernel tap: `shift` (0..63) bits after byte `offset`. Taps that
/// share words have the same offset.
struct Tap {
  std::int64_t offset;
  int shift;
};
struct PanelTask {
  const std::uint8_t* from;  ///< plane 0
  std::int64_t plane_bytes;
  int planes;                ///< of a channel
  const Tap* taps;
  int count;                 ///< of taps
  std::int64_t begin, end;   ///< entries channel * count + tap
  std::uint8_t* panel;       ///< [end - begin][planes] vectors
};

struct Micro {
  const char* name;
  int vector_bytes;
  void (*run_tile)(const TileTask& task);
  void (*fill_panel)(const PanelTask& task);
  /// Does 8 * `rounds` full adders on registers and nothing else; what run_tile() can reach at best. A number that
  /// depends on all of them.
  std::uint64_t (*only_add)(std::int64_t rounds);
};

extern const Micro kMicroPortable, kMicroNeon, kMicroAvx2, kMicroAvx512, kMicroAvx512Vpopcnt;

/// kReference gets the portable one.
const Micro& micro_for(Isa isa);

}  // namespace tern::kernels::bitsliced
