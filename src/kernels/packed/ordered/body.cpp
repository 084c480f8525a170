// Vectors of the compiler's own notation; the lanes of one output stay in one place, whatever the vector's length.
#include <cstdint>
#include <cstring>

#include "kernels/packed/ordered/tile.hpp"

namespace tern::kernels::ordered {
namespace {

typedef float Vec __attribute__((vector_size(TERN_VECTOR_BYTES)));
constexpr int kVecLanes = TERN_VECTOR_BYTES / 4, kVecs = kLanes / kVecLanes;
constexpr int kPixels = TERN_VECTOR_BYTES / 8;  // as many sums as registers hold

template <int T>
void tile_block(const float* x, std::int64_t step, const std::int32_t* offsets, std::int64_t k, const float* w,
                float* out) {
  // Vectors are loaded and stored one by one: copied as an array they pass through memory in smaller pieces.
  Vec acc[T][kVecs] = {};
  for (std::int64_t i = 0; i < k; ++i, w += 16) {
    const float* xi = x + offsets[i];
    Vec wi[kVecs];
#pragma GCC unroll 16
    for (int v = 0; v < kVecs; ++v) std::memcpy(&wi[v], w + v * kVecLanes, sizeof(Vec));
#pragma GCC unroll 16
    for (int t = 0; t < T; ++t) {
      const float value = xi[t * step];
#pragma GCC unroll 16
      for (int v = 0; v < kVecs; ++v) acc[t][v] = acc[t][v] + wi[v] * value;
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 16
    for (int v = 0; v < kVecs; ++v) std::memcpy(out + t * 16 + v * kVecLanes, &acc[t][v], sizeof(Vec));
  }
}

void tile_all(const float* x, std::int64_t step, const std::int32_t* offsets, std::int64_t k, const float* w,
              std::int64_t pixels, float* out) {
  constexpr int T = kPixels;
  for (; pixels >= T; pixels -= T, x += T * step, out += T * 16) tile_block<T>(x, step, offsets, k, w, out);
  if constexpr (T > 4) {
    for (; pixels >= 4; pixels -= 4, x += 4 * step, out += 4 * 16) tile_block<4>(x, step, offsets, k, w, out);
  }
  for (; pixels > 0; --pixels, x += step, out += 16) tile_block<1>(x, step, offsets, k, w, out);
}

constexpr Tile kTile = {tile_all};

}  // namespace

template <>
const Tile& Tile::body<Isa::TERN_BODY>() {
  return kTile;
}

}  // namespace tern::kernels::ordered
