// The inner loop of the ordered float convolution, one function an instruction set. Lanes are 16 output channels, so
// the sum over k of each output stays one chain of additions in the defined order, whatever the vector length.
#pragma once

#include <cstdint>

#include "tern/cpu.hpp"

namespace tern::kernels::ordered {

inline constexpr int kLanes = 16;

/// out[p][lane] = sum over k ascending of x[p * step + offsets[k]] * w[k][lane], from +0.
/// w: [k][16]; out: [pixels][16], both aligned to 64 bytes.
using TileFn = void (*)(const float* x, std::int64_t step, const std::int32_t* offsets, std::int64_t k, const float* w,
                        std::int64_t pixels, float* out);

void tile_portable(const float* x, std::int64_t step, const std::int32_t* offsets, std::int64_t k, const float* w,
                   std::int64_t pixels, float* out);
void tile_avx2(const float* x, std::int64_t step, const std::int32_t* offsets, std::int64_t k, const float* w,
               std::int64_t pixels, float* out);
void tile_avx512(const float* x, std::int64_t step, const std::int32_t* offsets, std::int64_t k, const float* w,
                 std::int64_t pixels, float* out);

TileFn tile_for(Isa isa);

}  // namespace tern::kernels::ordered
