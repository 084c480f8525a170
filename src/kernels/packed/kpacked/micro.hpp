// The inner loops of the K-packed kernels, one body an instruction set. Lanes are 8 output channels, so that a block
// of results compared with thresholds is one byte of the next layer's planes.
#pragma once

#include <cstdint>

#include "kernels/isa.hpp"

namespace tern::kernels::kpacked {

inline constexpr int kBlock = 8;  ///< output channels a block

/// One block of output channels at a run of output pixels.
///
///   pop[d][k] = sum over chunks i of popcount(nz[d][i] & ~(x_k[pixel + offsets[i]] ^ s[d][i]))
///   acc       = correction + sum over digits d and planes k of 2^d * weight(k) * pop[d][k]
///
/// x_k[..] are 8 bytes of plane k, s the signs (1 = positive) and nz the nonzero lanes of weight digit d.
struct Task {
  const std::uint8_t* x;        ///< plane 0
  std::int64_t plane_bytes;     ///< from a plane to the next
  const std::int32_t* pixels;   ///< byte of each output pixel's first tap
  const std::int32_t* offsets;  ///< [chunks], bytes
  std::int64_t chunks;
  const std::uint64_t*
      weights;  ///< [digits][chunks][s, nz][8 lanes], aligned to 64 bytes; [chunks][y][8 lanes] if derived
  int digits;
  int planes;
  bool thermometer;                ///< all planes weigh 1; else plane k weighs 2^k
  const std::int32_t* correction;  ///< [8]
};

struct Micro {
  const char* name;
  /// acc: [pixels][8]
  void (*accumulate)(const Task& task, std::int64_t pixels, std::int32_t* acc);
  /// The same for words of interleaved two-bit codes (kernels/codec) as both x and s, one digit and one plane: nz has
  /// 11 where the two bits of s agree, found in the loop instead of loaded.
  void (*accumulate_derived)(const Task& task, std::int64_t pixels, std::int32_t* acc);
  /// Bit `lane` of out[j * level_step + at[i]] = acc[i][lane] >= thresholds[j][lane], i < pixels, j < levels.
  void (*threshold)(const std::int32_t* acc, std::int64_t pixels, const std::int32_t* thresholds, int levels,
                    std::uint8_t* out, const std::int32_t* at, std::int64_t level_step);
  /// The same for 16 float lanes, one threshold for all; two bytes a pixel, or the
  /// first one only, whose 8 lanes are then all that is read.
  void (*threshold_floats)(const float* v, std::int64_t pixels, const float* thresholds, int levels, int bytes,
                           std::uint8_t* out, const std::int32_t* at, std::int64_t level_step);

  template <Isa isa>
  static const Micro& body();
};

inline const Micro& micro_for(Isa isa) { return choose<Micro, TERN_ISAS_KPACKED>(isa); }

}  // namespace tern::kernels::kpacked
