// Backward-filters: dfilters[o][k] = sum over images and pixels of dy[o][pixel] * x[pixel + tap k].
//
// dy is transposed to [pixel][lanes] in blocks that stay in the first-level cache; x is read from its planes; the
// sums of a few k's at a time stay in registers over a whole block. A task takes a chunk of the images and a range of
// lane blocks and owns one partial result [block][k][lane]; the partial results of a range are then added in chunk
// order.
#include <algorithm>
#include <vector>

#include "kernels/float/conv/geometry.hpp"
#include "kernels/float/conv/implicit.hpp"
#include "kernels/float/conv/lanes.hpp"
#include "kernels/float/conv/scratch.hpp"
#include "tern/parallel.hpp"

namespace tern::kernels::conv::implicit {
namespace {

constexpr i64 kCopyPixels = 1024;  // of one copy of the planes
constexpr i64 kBlockPixels = 208;  // of one transposed block of dy
constexpr i64 kTasks = 32, kEnoughTasks = 8;
constexpr i64 kChunkPixels = 1024;
constexpr i64 kMaxPartialFloats = i64{4} << 20;
constexpr i64 kRangeBlocks = 2;  // lane blocks of a task: enough use of each copied plane
constexpr i64 kReduceRows = 512;

struct OuterJob {
  Plan plan;
  TapTable table;
  i64 images, groups;
  Lanes lanes;  ///< of one group
  i64 k;        ///< filter elements an output channel has
  const float *x, *dy;
  i64 chunks = 1, ranges = 1;
  float* partials = nullptr;  ///< [chunk][group][block][k][lane]

  float* partial(i64 chunk, i64 group, i64 block) const {
    return partials + ((chunk * groups + group) * lanes.padded() + lanes.first(block)) * k;
  }
};

/// Copied planes: `images` from n0 on, `rows` grid rows from row0 on, of one group.
struct Copy {
  const float* planes;
  i64 image_stride;
  i64 n0, images, row0, rows, group;
};

void add_block(const OuterJob& job, const Micro& micro, const Copy& copy, i64 block, float* dy_pixels, float* sums,
               bool accumulate) {
  const i64 q = job.plan.w.longest, pixels = job.plan.h.longest * q;
  const i64 lanes = job.lanes.lanes(block), valid = job.lanes.valid(block);
  const i64 dy_image = job.groups * job.lanes.channels * pixels;
  const float* dy =
      job.dy + copy.n0 * dy_image + (copy.group * job.lanes.channels + job.lanes.first(block)) * pixels + copy.row0 * q;

  const bool row3 = job.table.rows3 && !job.lanes.wide(block);
  const i64 unit = row3 ? 3 : 1, parts = ceil_div(job.k / unit, row3 ? micro.max_row_outer : micro.max_outer);
  const OuterFn* outers = row3 ? micro.row_outer : micro.outer[job.lanes.wide(block) ? 1 : 0];

  // Either several whole images or some rows of one.
  const i64 sub_rows = std::clamp<i64>(kBlockPixels / q, 1, copy.rows);
  const i64 sub_images = sub_rows == copy.rows ? std::clamp<i64>(kBlockPixels / (copy.rows * q), 1, copy.images) : 1;
  for (i64 n = 0; n < copy.images; n += sub_images) {
    for (i64 i = 0; i < copy.rows; i += sub_rows) {
      const PixelBlock px{std::min(sub_images, copy.images - n), std::min(sub_rows, copy.rows - i), q,
                          copy.image_stride, job.plan.cols};
      float* to = dy_pixels;
      for (i64 m = 0; m < px.images; ++m) {
        const float* from = dy + (n + m) * dy_image + i * q;
        if (!row3) {
          micro.to_pixels(from, pixels, px.rows * q, valid, to, lanes);
          to += px.rows * q * lanes;
          continue;
        }
        for (i64 row = 0; row < px.rows; ++row) {
          to = std::fill_n(to, kRowMargin * lanes, 0.0f);
          micro.to_pixels(from + row * q, pixels, q, valid, to, lanes);
          to += q * lanes;
        }
      }
      if (row3) std::fill_n(to, kRowMargin * lanes, 0.0f);
      const float* x = copy.planes + n * copy.image_stride + i * job.plan.cols;
      for (i64 part = 0; part < parts; ++part) {
        const i64 j0 = part_begin(job.k / unit, parts, part), j1 = part_begin(job.k / unit, parts, part + 1);
        outers[j1 - j0](x, job.table.offsets.data() + unit * j0, dy_pixels, px, sums + unit * j0 * lanes, accumulate);
      }
      accumulate = true;
    }
  }
}

// One task: images [n0, n1) of a group against lane blocks [block0, block1).
void run_task(const OuterJob& job, const Micro& micro, i64 chunk, i64 group, i64 n0, i64 n1, i64 block0, i64 block1) {
  const Plan& plan = job.plan;
  const i64 source_plane = plan.h.source * plan.w.source;
  const i64 source_image = job.groups * plan.channels * source_plane;
  const i64 image_pixels = plan.h.longest * plan.w.longest;
  const i64 copy_images = plan.band < plan.h.longest ? 1 : std::clamp<i64>(kCopyPixels / image_pixels, 1, n1 - n0);
  float* copies = plan.in_place ? nullptr : thread_scratch<Purpose::kPlanes>(copy_images * plan.image);
  float* dy_pixels = thread_scratch<Purpose::kBlock>(
      2 * job.lanes.width * (kRowMargin + (1 + kRowMargin) * std::max(kBlockPixels, plan.w.longest)));

  bool accumulate = false;
  for (i64 n = n0; n < n1; n += copy_images) {
    for (i64 row0 = 0; row0 < plan.h.longest; row0 += plan.band) {
      Copy copy{copies, plan.image, n, std::min(copy_images, n1 - n), row0, std::min(plan.band, plan.h.longest - row0),
                group};
      const float* source = job.x + (n * job.groups + group) * plan.channels * source_plane;
      if (plan.in_place) {
        copy.planes = source;
        copy.image_stride = source_image;
      } else {
        for (i64 m = 0; m < copy.images; ++m) {
          copy_planes(plan, micro, source + m * source_image, row0, copies + m * plan.image);
        }
      }
      for (i64 block = block0; block < block1; ++block) {
        add_block(job, micro, copy, block, dy_pixels, job.partial(chunk, group, block), accumulate);
      }
      accumulate = true;
    }
  }
}

void reduce(const OuterJob& job, const Micro& micro, float* dfilters) {
  const i64 blocks = job.lanes.blocks(), parts = ceil_div(job.k, kReduceRows);
  parallel_for(job.groups * blocks * parts, [&](i64 task) {
    const i64 part = task % parts, block = task / parts % blocks, group = task / parts / blocks;
    const i64 lanes = job.lanes.lanes(block), k0 = part * kReduceRows, k1 = std::min(job.k, k0 + kReduceRows);
    float* sum = job.partial(0, group, block) + k0 * lanes;
    for (i64 chunk = 1; chunk < job.chunks; ++chunk) {
      const float* more = job.partial(chunk, group, block) + k0 * lanes;
      for (i64 i = 0; i < (k1 - k0) * lanes; ++i) sum[i] += more[i];
    }
    float* to = dfilters + (group * job.lanes.channels + job.lanes.first(block)) * job.k + k0;
    micro.to_planes(sum, lanes, k1 - k0, job.lanes.valid(block), nullptr, to, job.k);
  });
}

}  // namespace

void backward_filters(const ConvShape& given, const float* x, const float* dy, float* dfilters) {
  const ConvShape s = collapse(given);
  const Micro& micro = current_micro();
  const i64 c = s.channels / s.groups, o = s.outputs / s.groups, p = s.out_height(), q = s.out_width();
  OuterJob job{{}, {}, s.batch, s.groups, {o, micro.width}, c * s.kernel_h * s.kernel_w, x, dy};
  if (s.outputs == 0 || job.k == 0) return;
  if (s.batch == 0) {
    std::fill(dfilters, dfilters + s.outputs * job.k, 0.0f);
    return;
  }
  job.plan.h = plan_forward(s.height, p, s.kernel_h, s.stride_h, s.pad_h, s.dilation_h);
  job.plan.w = plan_forward(s.width, q, s.kernel_w, s.stride_w, s.pad_w, s.dilation_w);
  lay_out(job.plan, c, p * q <= kCopyPixels ? p : std::max<i64>(1, kCopyPixels / q), micro.width);
  job.table = make_table(job.plan, job.plan.h.grids[0], job.plan.w.grids[0], s.kernel_h, s.kernel_w);

  const i64 blocks = job.lanes.blocks(), all = s.groups * job.lanes.padded() * job.k;
  // Each chunk costs a partial result to write and to add up: it must be worth some pixels.
  job.ranges = ceil_div(blocks, kRangeBlocks);
  job.chunks = std::min({ceil_div(kTasks, job.ranges * s.groups), ceil_div(s.batch * p * q, kChunkPixels), s.batch,
                         std::max<i64>(1, kMaxPartialFloats / all)});
  if (job.chunks * job.ranges * s.groups < kEnoughTasks) job.ranges = blocks;
  const Scratch partials(job.chunks * all);
  job.partials = partials.data();
  parallel_for(job.chunks * job.ranges * s.groups, [&](i64 task) {
    const i64 range = task % job.ranges, group = task / job.ranges % s.groups, chunk = task / job.ranges / s.groups;
    run_task(job, micro, chunk, group, part_begin(s.batch, job.chunks, chunk),
             part_begin(s.batch, job.chunks, chunk + 1), part_begin(blocks, job.ranges, range),
             part_begin(blocks, job.ranges, range + 1));
  });
  reduce(job, micro, dfilters);
}

}  // namespace tern::kernels::conv::implicit
