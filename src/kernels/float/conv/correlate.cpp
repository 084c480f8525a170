// Forward and backward-data: both slide taps over stride-1 planes (geometry.hpp) and sum into grids of results.
//
// A task takes some images, or a band of rows of one, and some lane blocks. It copies the planes once; then for each
// lane block it fills a pixel-major block of results, K in slices that stay in the second-level cache, and transposes
// it out.
#include <algorithm>
#include <vector>

#include "kernels/float/conv/geometry.hpp"
#include "kernels/float/conv/implicit.hpp"
#include "kernels/float/conv/lanes.hpp"
#include "kernels/float/conv/scratch.hpp"
#include "tern/parallel.hpp"

namespace tern::kernels::conv::implicit {
namespace {

constexpr i64 kTaskPixels = 512;  // enough work to hide the copy of the planes, few enough that results stay in cache
constexpr i64 kMinTasks = 16;
constexpr i64 kSmallPack = 40000;        // floats that one thread packs sooner than others wake up
constexpr i64 kSliceFloats = 64 * 1024;  // of packed filters

struct Grid {
  const AxisGrid *h, *w;
  TapTable table;
  i64 k0;  ///< first row in the packed filters of a lane block
};

struct Job {
  Plan plan;
  std::vector<Grid> grids;
  i64 images, groups;
  Lanes lanes;  ///< of one group
  i64 k_total;  ///< packed filter rows of a lane block
  const float* source;
  float* result;
  const float* bias;
  i64 group_images = 1;  ///< images a task takes
};

i64 packed_floats(const Job& job) { return job.k_total * job.lanes.padded(); }

// filters[lane * lane_stride + channel * channel_stride + tap] -> packed[block][grid][channel, tap][lane]
void pack_filters(const Job& job, const Micro& micro, const float* filters, i64 group_stride, i64 lane_stride,
                  i64 channel_stride, i64 taps, float* packed) {
  const i64 blocks = job.lanes.blocks();
  const auto pack_block = [&](i64 task) {
    const i64 group = task / blocks, block = task % blocks;
    const i64 lanes = job.lanes.lanes(block), valid = job.lanes.valid(block);
    const float* from = filters + group * group_stride + job.lanes.first(block) * lane_stride;
    float* to = packed + group * packed_floats(job) + job.lanes.first(block) * job.k_total;
    for (const Grid& grid : job.grids) {
      const std::vector<i64>& order = grid.table.taps;
      if (channel_stride == taps && grid.table.natural) {
        micro.to_pixels(from, lane_stride, taps * job.plan.channels, valid, to, lanes);
        to += taps * job.plan.channels * lanes;
        continue;
      }
      for (i64 c = 0; c < job.plan.channels; ++c) {
        for (const i64 tap : order) {
          const float* f = from + c * channel_stride + tap;
          for (i64 l = 0; l < valid; ++l) to[l] = f[l * lane_stride];
          for (i64 l = valid; l < lanes; ++l) to[l] = 0.0f;
          to += lanes;
        }
      }
    }
  };
  if (job.groups * packed_floats(job) > kSmallPack) {
    parallel_for(job.groups * blocks, pack_block);
  } else {
    for (i64 task = 0; task < job.groups * blocks; ++task) pack_block(task);
  }
}

/// Planes of `images` images that hold what grid rows from row0 on read.
struct Input {
  const float* planes;
  i64 image_stride;
  i64 images, row0;
};

// All results of one lane block over the task's images and rows, pixel-major: out[image][row][column][lane].
void fill_block(const Job& job, const Micro& micro, const Input& input, const float* filters, bool wide, float* out,
                i64 out_image) {
  const i64 lanes = (wide ? 2 : 1) * job.lanes.width;
  for (const Grid& grid : job.grids) {
    const i64 k_all = static_cast<i64>(grid.table.offsets.size());
    const i64 rows = std::min(job.plan.band, grid.h->count - input.row0);
    const bool row3 = grid.table.rows3 && !wide;
    const TileFn* tiles = row3 ? micro.row_tile : micro.tile[wide ? 1 : 0];
    const i64 parts = ceil_div(grid.w->count, row3 ? micro.max_row_tile : micro.max_tile[wide ? 1 : 0]);
    const i64 unit = row3 ? 3 : 1;
    const i64 slices = std::max<i64>(1, ceil_div(k_all * lanes, kSliceFloats));
    const i64 step = grid.w->step * lanes;
    for (i64 slice = 0; slice < slices; ++slice) {
      const i64 k0 = unit * part_begin(k_all / unit, slices, slice);
      const i64 k1 = unit * part_begin(k_all / unit, slices, slice + 1);
      const i32* offsets = grid.table.offsets.data() + k0;
      const float* w = filters + (grid.k0 + k0) * lanes;
      for (i64 n = 0; n < input.images; ++n) {
        for (i64 i = 0; i < rows; ++i) {
          const float* x = input.planes + n * input.image_stride + i * job.plan.cols;
          const i64 result_row = grid.h->first + i * grid.h->step;
          float* y = out + n * out_image + (result_row * job.plan.w.result + grid.w->first) * lanes;
          for (i64 part = 0; part < parts; ++part) {
            const i64 q0 = part_begin(grid.w->count, parts, part), q1 = part_begin(grid.w->count, parts, part + 1);
            tiles[q1 - q0](x + q0, offsets, k1 - k0, w, y + q0 * step, step, slice > 0);
          }
        }
      }
    }
  }
}

void run(const Job& job, const Micro& micro, const float* packed) {
  const Plan& plan = job.plan;
  const i64 source_plane = plan.h.source * plan.w.source, result_plane = plan.h.result * plan.w.result;
  const i64 step = plan.h.grids[0].step;
  const i64 image_groups = ceil_div(job.images, job.group_images), bands = ceil_div(plan.h.longest, plan.band);
  const i64 cuts = job.groups * image_groups * bands;
  const i64 blocks = job.lanes.blocks();
  const i64 splits = std::min(blocks, ceil_div(kMinTasks, cuts));

  parallel_for(cuts * splits, [&](i64 task) {
    const i64 split = task % splits, band = task / splits % bands;
    const i64 image_group = task / splits / bands % image_groups, group = task / splits / bands / image_groups;
    const i64 n0 = image_group * job.group_images, n1 = std::min(job.images, n0 + job.group_images);
    const i64 row0 = band * plan.band;
    const i64 result_row0 = row0 * step;
    const i64 result_rows = std::min(plan.band * step, plan.h.result - result_row0);
    const i64 source_image = job.groups * plan.channels * source_plane;
    const float* source = job.source + (n0 * job.groups + group) * plan.channels * source_plane;

    Input input{source, source_image, n1 - n0, row0};
    if (!plan.in_place) {
      float* copies = thread_scratch<Purpose::kPlanes>((n1 - n0) * plan.image);
      for (i64 n = n0; n < n1; ++n) {
        copy_planes(plan, micro, source + (n - n0) * source_image, row0, copies + (n - n0) * plan.image);
      }
      input.planes = copies;
      input.image_stride = plan.image;
    }

    const i64 pixels = result_rows * plan.w.result;
    float* out = thread_scratch<Purpose::kBlock>((n1 - n0) * pixels * 2 * job.lanes.width);
    for (i64 block = part_begin(blocks, splits, split); block < part_begin(blocks, splits, split + 1); ++block) {
      const i64 lanes = job.lanes.lanes(block), first = job.lanes.first(block), valid = job.lanes.valid(block);
      const float* filters = packed + group * packed_floats(job) + first * job.k_total;
      fill_block(job, micro, input, filters, job.lanes.wide(block), out, pixels * lanes);
      for (i64 n = n0; n < n1; ++n) {
        const i64 channel = group * job.lanes.channels + first;
        float* y = job.result + (n * job.groups * job.lanes.channels + channel) * result_plane;
        micro.to_planes(out + (n - n0) * pixels * lanes, lanes, pixels, valid, job.bias ? job.bias + channel : nullptr,
                        y + result_row0 * plan.w.result, result_plane);
      }
    }
  });
}

void finish_plan(Job& job, const Micro& micro, i64 channels, i64 kernel_h, i64 kernel_w) {
  Plan& plan = job.plan;
  const i64 image_pixels = plan.h.result * plan.w.result;
  const i64 bands = std::max<i64>(1, image_pixels / kTaskPixels);
  const i64 band = bands == 1 ? plan.h.longest : std::max<i64>(1, ceil_div(plan.h.longest, bands));
  lay_out(plan, channels, band, micro.width);
  job.group_images = bands > 1 ? 1 : std::clamp<i64>(kTaskPixels / image_pixels, 1, job.images);
  job.k_total = 0;
  for (const AxisGrid& gh : plan.h.grids) {
    for (const AxisGrid& gw : plan.w.grids) {
      job.grids.push_back({&gh, &gw, make_table(plan, gh, gw, kernel_h, kernel_w), job.k_total});
      job.k_total += static_cast<i64>(job.grids.back().table.offsets.size());
    }
  }
}

}  // namespace

void forward(const ConvShape& given, const float* x, const float* filters, const float* bias, float* y) {
  const ConvShape s = collapse(given);
  if (s.batch == 0 || s.outputs == 0) return;
  const Micro& micro = current_micro();
  const i64 c = s.channels / s.groups, o = s.outputs / s.groups, taps = s.kernel_h * s.kernel_w;
  Job job{{}, {}, s.batch, s.groups, {o, micro.width}, 0, x, y, bias};
  job.plan.h = plan_forward(s.height, s.out_height(), s.kernel_h, s.stride_h, s.pad_h, s.dilation_h);
  job.plan.w = plan_forward(s.width, s.out_width(), s.kernel_w, s.stride_w, s.pad_w, s.dilation_w);
  finish_plan(job, micro, c, s.kernel_h, s.kernel_w);
  const Scratch packed(s.groups * packed_floats(job));
  pack_filters(job, micro, filters, o * c * taps, c * taps, taps, taps, packed.data());
  run(job, micro, packed.data());
}

void backward_data(const ConvShape& given, const float* dy, const float* filters, float* dx) {
  const ConvShape s = collapse(given);
  if (s.batch == 0 || s.channels == 0) return;
  const Micro& micro = current_micro();
  const i64 c = s.channels / s.groups, o = s.outputs / s.groups, taps = s.kernel_h * s.kernel_w;
  Job job{{}, {}, s.batch, s.groups, {c, micro.width}, 0, dy, dx, nullptr};
  job.plan.h = plan_backward(s.height, s.out_height(), s.kernel_h, s.stride_h, s.pad_h, s.dilation_h);
  job.plan.w = plan_backward(s.width, s.out_width(), s.kernel_w, s.stride_w, s.pad_w, s.dilation_w);
  finish_plan(job, micro, o, s.kernel_h, s.kernel_w);
  const Scratch packed(s.groups * packed_floats(job));
  pack_filters(job, micro, filters, o * c * taps, taps, c * taps, taps, packed.data());
  run(job, micro, packed.data());
}

}  // namespace tern::kernels::conv::implicit
