// Rows of C are the "pixels" of a tile and columns its lanes. op(A) is wanted as [k][rows], whose rows a transposed A
// already has; else it is packed once, in panels as high as a tile. B is packed by each task, a slice of k and one
// lane block at a time, and used while it is still in the cache.
#include "kernels/float/conv/product.hpp"

#include <algorithm>
#include <vector>

#include "kernels/float/conv/lanes.hpp"
#include "kernels/float/conv/micro.hpp"
#include "kernels/float/conv/scratch.hpp"
#include "tern/parallel.hpp"

namespace tern::kernels::conv {
namespace {

constexpr i64 kSlice = 512;
constexpr i64 kTasks = 16;
constexpr i64 kTaskMacs = i64{1} << 20;
constexpr i64 kSerialMacs = i64{1} << 22;  // below this, waking a thread costs more than it brings

struct ProductJob {
  i64 m, n, k;
  Lanes lanes;
  bool transpose_b;
  const float* b;
  i64 ldb;
  float* c;
  i64 ldc;
  i64 panels;         ///< of rows, nearly equal
  const float* rows;  ///< panel p, element (k, row) at rows + p * panel_floats + k * row_step + row ...
  i64 panel_floats, row_step;
  bool in_place;       ///< ... or, where A is used as it is, at rows + k * row_step + first row of the panel + row
  const i32* offsets;  ///< of kSlice steps of k

  i64 first_row(i64 panel) const { return part_begin(m, panels, panel); }
  const float* panel(i64 p) const { return rows + (in_place ? first_row(p) : p * panel_floats); }
};

// packed[k][lane] of one lane block and slice.
void pack_b(const ProductJob& job, const Micro& micro, i64 block, i64 k0, i64 k1, float* packed) {
  const i64 first = job.lanes.first(block), valid = job.lanes.valid(block), lanes = job.lanes.lanes(block);
  if (job.transpose_b) {
    micro.to_pixels(job.b + first * job.ldb + k0, job.ldb, k1 - k0, valid, packed, lanes);
    return;
  }
  for (i64 i = k0; i < k1; ++i, packed += lanes) {
    const float* from = job.b + i * job.ldb + first;
    std::copy(from, from + valid, packed);
    std::fill(packed + valid, packed + lanes, 0.0f);
  }
}

void run_task(const ProductJob& job, const Micro& micro, i64 panel0, i64 panel1, i64 block0, i64 block1) {
  float* packed = thread_scratch<Purpose::kPlanes>(kSlice * 2 * job.lanes.width);
  float* partial = thread_scratch<Purpose::kBlock>(kMaxTile * 2 * job.lanes.width);
  for (i64 block = block0; block < block1; ++block) {
    const i64 lanes = job.lanes.lanes(block), valid = job.lanes.valid(block);
    const TileFn* tiles = micro.tile[job.lanes.wide(block) ? 1 : 0];
    for (i64 k0 = 0; k0 < job.k; k0 += kSlice) {
      const i64 k1 = std::min(job.k, k0 + kSlice);
      pack_b(job, micro, block, k0, k1, packed);
      for (i64 p = panel0; p < panel1; ++p) {
        const i64 row0 = job.first_row(p), height = job.first_row(p + 1) - row0;
        float* c = job.c + row0 * job.ldc + job.lanes.first(block);
        const float* x = job.panel(p) + k0 * job.row_step;
        if (valid == lanes) {
          tiles[height](x, job.offsets, k1 - k0, packed, c, job.ldc, k0 > 0);
          continue;
        }
        tiles[height](x, job.offsets, k1 - k0, packed, partial, lanes, false);
        for (i64 i = 0; i < height; ++i) {
          float* to = c + i * job.ldc;
          for (i64 l = 0; l < valid; ++l) to[l] = partial[i * lanes + l] + (k0 > 0 ? to[l] : 0.0f);
        }
      }
    }
  }
}

}  // namespace

void product(bool transpose_a, bool transpose_b, i64 m, i64 n, i64 k, const float* a, i64 lda, const float* b, i64 ldb,
             float* c, i64 ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (i64 i = 0; i < m; ++i) std::fill(c + i * ldc, c + i * ldc + n, 0.0f);
    return;
  }
  const Micro& micro = current_micro();
  ProductJob job{m, n, k, {n, micro.width}, transpose_b, b, ldb, c, ldc, 0, a, 0, lda, true, nullptr};
  const i64 height = micro.max_tile[n > micro.width ? 1 : 0];
  job.panels = ceil_div(m, height);
  const i64 macs = m * n * k, tasks = macs < kSerialMacs ? 1 : std::min(macs / kTaskMacs, kTasks);

  // Offsets within a panel fit 32 bits as long as kSlice rows do; an A too wide for that is packed as well.
  const i64 padded = ceil_div(height, micro.width) * micro.width;
  const Scratch packed(transpose_a && lda < (i64{1} << 21) ? 0 : job.panels * padded * k);
  if (!transpose_a || lda >= (i64{1} << 21)) {
    job.rows = packed.data();
    job.panel_floats = padded * k;
    job.row_step = padded;
    job.in_place = false;
    const auto pack = [&](i64 p) {
      const i64 row0 = job.first_row(p), rows = job.first_row(p + 1) - row0;
      float* to = packed.data() + p * job.panel_floats;
      if (!transpose_a) {
        micro.to_pixels(a + row0 * lda, lda, k, rows, to, padded);
        return;
      }
      for (i64 i = 0; i < k; ++i) std::copy(a + i * lda + row0, a + i * lda + row0 + rows, to + i * padded);
    };
    if (tasks > 1) {
      parallel_for(job.panels, pack);
    } else {
      for (i64 p = 0; p < job.panels; ++p) pack(p);
    }
  }
  std::vector<i32> offsets(static_cast<std::size_t>(std::min(k, kSlice)));
  for (std::size_t i = 0; i < offsets.size(); ++i) offsets[i] = static_cast<i32>(static_cast<i64>(i) * job.row_step);
  job.offsets = offsets.data();

  // Cut along the columns first: each column block is packed once.
  const i64 blocks = job.lanes.blocks();
  const i64 over_n = std::min(tasks, blocks), over_m = std::min(ceil_div(tasks, over_n), job.panels);
  parallel_for(over_n * over_m, [&](i64 task) {
    const i64 i = task / over_n, j = task % over_n;
    run_task(job, micro, part_begin(job.panels, over_m, i), part_begin(job.panels, over_m, i + 1),
             part_begin(blocks, over_n, j), part_begin(blocks, over_n, j + 1));
  });
}

}  // namespace tern::kernels::conv
