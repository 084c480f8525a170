#define TERN_VECTOR_BYTES 16
#define TERN_TILE_PIXELS 2
#include "kernels/ordered/tile.hpp"
#include "kernels/ordered/tile_impl.hpp"

namespace tern::kernels::ordered {

void tile_portable(const float* x, std::int64_t step, const std::int32_t* offsets, std::int64_t k, const float* w,
                   std::int64_t pixels, float* out) {
  tile_all(x, step, offsets, k, w, pixels, out);
}

}  // namespace tern::kernels::ordered
