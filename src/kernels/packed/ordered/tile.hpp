// The inner loop of the ordered float convolution, one body an instruction set. Lanes are 16 output channels, so
// the sum over k of each output stays one chain of additions in the defined order, whatever the vector length.
#pragma once

#include <cstdint>

#include "kernels/isa.hpp"

namespace tern::kernels::ordered {

inline constexpr int kLanes = 16;

struct Tile {
  /// out[p][lane] = sum over k ascending of x[p * step + offsets[k]] * w[k][lane], from +0.
  /// w: [k][16]; out: [pixels][16], both aligned to 64 bytes.
  void (*run)(const float* x, std::int64_t step, const std::int32_t* offsets, std::int64_t k, const float* w,
              std::int64_t pixels, float* out);

  template <Isa isa>
  static const Tile& body();
};

inline const Tile& tile_for(Isa isa) { return choose<Tile, TERN_ISAS_ORDERED>(isa); }

}  // namespace tern::kernels::ordered
