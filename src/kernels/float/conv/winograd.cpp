// Winograd's F(2x2, 3x3): 2x2 results of a 3x3 filter from a 4x4 tile of the image in 16 multiplications instead of 36.
//
//   Y = A^T [ (G g G^T) . (B^T d B) ] A        g filter, d tile, . elementwise
//
//   B^T = | 1  0 -1  0 |     G = |  1    0    0  |     A^T = | 1  1  1  0 |
//         | 0  1  1  0 |         | 1/2  1/2  1/2 |           | 0  1 -1 -1 |
//         | 0 -1  1  0 |         | 1/2 -1/2  1/2 |
//         | 0  1  0 -1 |         |  0    0    1  |
//
// The sum over channels moves inside: at each of the 16 points xi of the transformed tile, M_xi[tile][lane] =
// sum_k V_xi[k][tile] U_xi[k][lane] is a matrix product, which runs on the tile kernels of micro.hpp. With one
// dimension,
//   y0 = g0 d0 + g1 d1 + g2 d2,  y1 = g0 d1 + g1 d2 + g2 d3:
//   y0 = m0 + m1 + m2,  y1 = m1 - m2 - m3,  m0 = (d0 - d2) g0,  m1 = (d1 + d2)(g0 + g1 + g2)/2,
//   m2 = (d2 - d1)(g0 - g1 + g2)/2,  m3 = (d1 - d3) g2.
// Rounding errors are a few times those of the direct sum. Paper: Lavin, Gray, "Fast algorithms for convolutional
// neural networks", 2016, section 4.1.
//
// The gradient of the filters is the adjoint: dg = G^T [ sum over tiles (B^T d B) . (A dY A^T) ] G.
//
// A task takes some images, or a band of tile rows of one: it transforms them once, then for each lane block
// multiplies, transforms back into a pixel-major block and transposes that out.
#include "kernels/float/conv/winograd.hpp"

#include <algorithm>
#include <vector>

#include "kernels/float/conv/lanes.hpp"
#include "kernels/float/conv/micro.hpp"
#include "kernels/float/conv/scratch.hpp"
#include "tern/parallel.hpp"

namespace tern::kernels::conv::winograd {
namespace {

constexpr i64 kPoints = 16;
constexpr i64 kTaskTiles = 64;  // transformed tiles of a task stay in the second-level cache
constexpr i64 kMinTasks = 8;
constexpr i64 kChunk = 8;            // channels copied at a time, so that the copies stay in the first-level cache
constexpr i64 kGradientTiles = 512;  // tiles whose products are added to the filters' gradient at a time
constexpr i64 kSpread =
    16;  // floats between the points, so that one tile of all of them does not fall into one cache set

/// A correlation: forward as it stands, or the gradient of the input as one of dy with turned filters.
struct Job {
  i64 images, channels, in_h, in_w, out_h, out_w, pad;
  Lanes lanes;
  const float *source = nullptr, *filters = nullptr, *bias = nullptr;
  float* result = nullptr;
  i64 lane_stride = 0, channel_stride = 9;  ///< of the filters
  bool turned = false;                      ///< by 180 degrees

  i64 tile_rows() const { return (out_h + 1) / 2; }
  i64 tile_cols() const { return (out_w + 1) / 2; }
  /// Where a block's packed filters begin; of the block after the last: how many floats there are.
  i64 packed_block(i64 block) const {
    return kPoints * (channels * (block < lanes.blocks() ? lanes.first(block) : lanes.padded()) + kSpread * block);
  }
};

// Its operands are the caller's.
Job forward_job(const ConvShape& s, const Micro& micro) {
  Job job{s.batch, s.channels, s.height, s.width, s.out_height(), s.out_width(), s.pad_h, {s.outputs, micro.width}};
  job.lane_stride = s.channels * 9;
  return job;
}

// filters -> packed[block][xi][channel][lane]
void pack_filters(const Job& job, const Micro& micro, float* packed) {
  parallel_for(job.lanes.blocks(), [&](i64 block) {
    const i64 lanes = job.lanes.lanes(block), first = job.lanes.first(block), valid = job.lanes.valid(block);
    float* natural = thread_scratch<Purpose::kPlanes>(job.channels * 9 * lanes);
    const float* from = job.filters + first * job.lane_stride;
    if (job.channel_stride == 9 && !job.turned) {
      micro.to_pixels(from, job.lane_stride, 9 * job.channels, valid, natural, lanes);
    } else {
      float* to = natural;
      for (i64 c = 0; c < job.channels; ++c) {
        for (i64 tap = 0; tap < 9; ++tap, to += lanes) {
          const float* f = from + c * job.channel_stride + (job.turned ? 8 - tap : tap);
          for (i64 l = 0; l < valid; ++l) to[l] = f[l * job.lane_stride];
          for (i64 l = valid; l < lanes; ++l) to[l] = 0.0f;
        }
      }
    }
    micro.winograd_filters(natural, job.channels, lanes, packed + job.packed_block(block),
                           job.channels * lanes + kSpread);
  });
}

/// The even and the odd columns of `channels` planes, from column -pad and row `row0` on, zero outside the image.
struct Columns {
  i64 rows, cols, plane;
  Columns(i64 tile_rows, i64 tile_cols, i64 width)
      : rows(2 * tile_rows + 2), cols(ceil_div(tile_cols + 1, width) * width), plane(rows * cols) {}
};

void copy_columns(const Job& job, const Micro& micro, const float* x, i64 channels, i64 row0, i64 parity,
                  const Columns& c, float* to) {
  const i64 first = parity - job.pad;  // of the image, may be negative
  const i64 left = first < 0 ? (1 - first) / 2 : 0, begin = first + 2 * left;
  const i64 top = std::clamp<i64>(-row0, 0, c.rows), end = std::clamp<i64>(job.in_h - row0, top, c.rows);
  PlaneCopy copy{};
  copy.planes = channels;
  copy.x_plane = job.in_h * job.in_w;
  copy.y_plane = c.plane;
  copy.top = top;
  copy.rows = end - top;
  copy.bottom = c.rows - end;
  copy.left = left;
  copy.n = std::clamp<i64>(begin < job.in_w ? (job.in_w - begin + 1) / 2 : 0, 0, c.cols - left);
  copy.cols = c.cols;
  copy.x_row = job.in_w;
  copy.stride = 2;
  micro.copy_planes(x + (row0 + top) * job.in_w + begin, to, copy);
}

// Some tile rows of image n, channels c0 to c0 + kChunk -> points[xi][channel][tile]
void transform_channels(const Job& job, const Micro& micro, i64 n, i64 c0, i64 tile_row0, i64 tile_rows, float* points,
                        i64 ld_tiles, i64 ld_points) {
  const Columns columns(tile_rows, job.tile_cols(), micro.width);
  float* even = thread_scratch<Purpose::kPlanes>(2 * kChunk * columns.plane + micro.width);
  float* odd = even + kChunk * columns.plane;
  const i64 channels = std::min(kChunk, job.channels - c0);
  const float* x = job.source + (n * job.channels + c0) * job.in_h * job.in_w;
  copy_columns(job, micro, x, channels, 2 * tile_row0 - job.pad, 0, columns, even);
  copy_columns(job, micro, x, channels, 2 * tile_row0 - job.pad, 1, columns, odd);
  for (i64 c = 0; c < channels; ++c) {
    micro.winograd_input(even + c * columns.plane, odd + c * columns.plane, columns.cols, tile_rows, job.tile_cols(),
                         points + c * ld_tiles, ld_points);
  }
}

void run(const Job& job, const Micro& micro) {
  const Scratch packed(job.packed_block(job.lanes.blocks()));
  pack_filters(job, micro, packed.data());

  const i64 tile_cols = job.tile_cols(), image_tiles = job.tile_rows() * tile_cols;
  const i64 bands = std::max<i64>(1, image_tiles / kTaskTiles);
  const i64 band = ceil_div(job.tile_rows(), bands);
  const i64 group_images = bands > 1 ? 1 : std::clamp<i64>(kTaskTiles / image_tiles, 1, job.images);
  const i64 cuts = ceil_div(job.images, group_images) * bands, blocks = job.lanes.blocks();
  const i64 splits = std::min(blocks, ceil_div(kMinTasks, cuts));
  const i64 ld_tiles = ceil_div(group_images * band * tile_cols, micro.width) * micro.width + micro.width;
  const i64 ld_points = job.channels * ld_tiles + kSpread;
  std::vector<i32> offsets(static_cast<std::size_t>(job.channels));
  for (i64 c = 0; c < job.channels; ++c) offsets[static_cast<std::size_t>(c)] = static_cast<i32>(c * ld_tiles);

  parallel_for(cuts * splits, [&](i64 task) {
    const i64 split = task % splits, cut_band = task / splits % bands, n0 = task / splits / bands * group_images;
    const i64 n1 = std::min(job.images, n0 + group_images);
    const i64 tile_row0 = cut_band * band, tile_rows = std::min(band, job.tile_rows() - tile_row0);
    if (tile_rows <= 0) return;

    float* points = thread_scratch<Purpose::kPoints>(kPoints * ld_points);
    for (i64 n = n0; n < n1; ++n) {
      for (i64 c0 = 0; c0 < job.channels; c0 += kChunk) {
        transform_channels(job, micro, n, c0, tile_row0, tile_rows,
                           points + c0 * ld_tiles + (n - n0) * tile_rows * tile_cols, ld_tiles, ld_points);
      }
    }

    const i64 tiles = (n1 - n0) * tile_rows * tile_cols;
    const i64 out_row0 = 2 * tile_row0, out_rows = std::min(2 * tile_rows, job.out_h - out_row0);
    const i64 pixels = out_rows * job.out_w, plane = job.out_h * job.out_w;
    // All lane blocks at one point before the next point: its transformed image stays in the cache.
    const i64 block0 = part_begin(blocks, splits, split), block1 = part_begin(blocks, splits, split + 1);
    const i64 lane0 = job.lanes.first(block0), lane1 = job.lanes.first(block1 - 1) + job.lanes.lanes(block1 - 1);
    const i64 ld_products = tiles * (lane1 - lane0) + kSpread;
    float* products = thread_scratch<Purpose::kProducts>(kPoints * ld_products);
    for (i64 xi = 0; xi < kPoints; ++xi) {
      for (i64 block = block0; block < block1; ++block) {
        const bool wide = job.lanes.wide(block);
        const i64 lanes = job.lanes.lanes(block), first = job.lanes.first(block);
        const float* filters = packed.data() + job.packed_block(block) + xi * (job.channels * lanes + kSpread);
        float* out = products + xi * ld_products + tiles * (first - lane0);
        const i64 parts = ceil_div(tiles, micro.max_tile[wide ? 1 : 0]);
        for (i64 part = 0; part < parts; ++part) {
          const i64 t0 = part_begin(tiles, parts, part), t1 = part_begin(tiles, parts, part + 1);
          micro.tile[wide ? 1 : 0][t1 - t0](points + xi * ld_points + t0, offsets.data(), job.channels, filters,
                                            out + t0 * lanes, lanes, false);
        }
      }
    }

    float* block_out = thread_scratch<Purpose::kBlock>(pixels * 2 * job.lanes.width);
    for (i64 block = block0; block < block1; ++block) {
      const i64 lanes = job.lanes.lanes(block), first = job.lanes.first(block), valid = job.lanes.valid(block);
      for (i64 n = n0; n < n1; ++n) {
        micro.winograd_output(products + tiles * (first - lane0) + (n - n0) * tile_rows * tile_cols * lanes,
                              ld_products, lanes, out_rows, job.out_w, block_out);
        micro.to_planes(block_out, lanes, pixels, valid, job.bias ? job.bias + first : nullptr,
                        job.result + (n * job.lanes.channels + first) * plane + out_row0 * job.out_w, plane);
      }
    }
  });
}

// Measured: with fewer channels the transforms eat the gain, and so do tiles that stick out of tiny images.
bool pays(i64 channels, i64 lanes, i64 out_h, i64 out_w) {
  const i64 least = current_micro().width * 3 / 2;
  return channels >= least && lanes >= least && out_h >= 4 && out_w >= 4;
}

}  // namespace

void forward(const ConvShape& s, const float* x, const float* filters, const float* bias, float* y) {
  if (s.batch == 0 || s.outputs == 0) return;
  const Micro& micro = current_micro();
  Job job = forward_job(s, micro);
  job.source = x;
  job.filters = filters;
  job.bias = bias;
  job.result = y;
  run(job, micro);
}

void backward_data(const ConvShape& s, const float* dy, const float* filters, float* dx) {
  if (s.batch == 0 || s.channels == 0) return;
  const Micro& micro = current_micro();
  Job job{s.batch, s.outputs, s.out_height(), s.out_width(), s.height, s.width, 2 - s.pad_h, {s.channels, micro.width}};
  job.source = dy;
  job.filters = filters;
  job.result = dx;
  job.lane_stride = 9;
  job.channel_stride = s.channels * 9;
  job.turned = true;
  run(job, micro);
}

void backward_filters(const ConvShape& s, const float* x, const float* dy, float* dfilters) {
  const Micro& micro = current_micro();
  Job job = forward_job(s, micro);
  job.source = x;
  const Lanes& lanes = job.lanes;
  if (s.outputs == 0 || s.channels == 0) return;
  if (s.batch == 0) {
    std::fill_n(dfilters, s.outputs * s.channels * 9, 0.0f);
    return;
  }
  const i64 image_tiles = job.tile_rows() * job.tile_cols(), blocks = lanes.blocks(),
            chunks = ceil_div(s.channels, kChunk);
  const i64 group = std::clamp<i64>(kGradientTiles / image_tiles, 1, s.batch), most_tiles = group * image_tiles;
  const i64 ld_tiles = ceil_div(most_tiles, micro.width) * micro.width + micro.width,
            ld_points = s.channels * ld_tiles + kSpread;
  // Block b of products and of gradients begins behind the lanes and margins of those before it.
  const auto begin = [&](i64 block, i64 each) {
    return kPoints * (each * (block < blocks ? lanes.first(block) : lanes.padded()) + kSpread * block);
  };
  const Scratch points(kPoints * ld_points), products(begin(blocks, most_tiles)), gradients(begin(blocks, s.channels));
  std::vector<i32> offsets(static_cast<std::size_t>(s.channels));
  for (i64 c = 0; c < s.channels; ++c) offsets[static_cast<std::size_t>(c)] = static_cast<i32>(c * ld_tiles);

  for (i64 n0 = 0; n0 < s.batch; n0 += group) {
    const i64 images = std::min(group, s.batch - n0), tiles = images * image_tiles;
    parallel_for(chunks + images * blocks, [&](i64 task) {
      if (task < chunks) {
        // One image after the other, since each writes a little into the next one's place.
        const i64 c0 = task * kChunk;
        for (i64 n = 0; n < images; ++n) {
          transform_channels(job, micro, n0 + n, c0, 0, job.tile_rows(),
                             points.data() + c0 * ld_tiles + n * image_tiles, ld_tiles, ld_points);
        }
        return;
      }
      const i64 n = (task - chunks) % images, block = (task - chunks) / images, width = lanes.lanes(block),
                pixels = job.out_h * job.out_w;
      float* pixel_major = thread_scratch<Purpose::kBlock>(pixels * width);
      micro.to_pixels(dy + ((n0 + n) * s.outputs + lanes.first(block)) * pixels, pixels, pixels, lanes.valid(block),
                      pixel_major, width);
      micro.winograd_output_gradient(pixel_major, width, job.out_h, job.out_w,
                                     products.data() + begin(block, most_tiles) + n * image_tiles * width,
                                     most_tiles * width + kSpread);
    });
    parallel_for(kPoints * blocks, [&](i64 task) {
      const i64 xi = task % kPoints, block = task / kPoints, width = lanes.lanes(block);
      const float* d = products.data() + begin(block, most_tiles) + xi * (most_tiles * width + kSpread);
      float* sums = gradients.data() + begin(block, s.channels) + xi * (s.channels * width + kSpread);
      const i64 parts = ceil_div(s.channels, micro.max_outer);
      for (i64 part = 0; part < parts; ++part) {
        const i64 c0 = part_begin(s.channels, parts, part), c1 = part_begin(s.channels, parts, part + 1);
        micro.outer[lanes.wide(block) ? 1 : 0][c1 - c0](points.data() + xi * ld_points, offsets.data() + c0, d,
                                                        {1, 1, tiles, 0, 0}, sums + c0 * width, n0 > 0);
      }
    });
  }
  parallel_for(blocks, [&](i64 block) {
    const i64 width = lanes.lanes(block);
    float* natural = thread_scratch<Purpose::kPlanes>(s.channels * 9 * width);
    micro.winograd_filters_gradient(gradients.data() + begin(block, s.channels), s.channels * width + kSpread,
                                    s.channels, width, natural);
    micro.to_planes(natural, width, 9 * s.channels, lanes.valid(block), nullptr,
                    dfilters + lanes.first(block) * s.channels * 9, s.channels * 9);
  });
}

bool runs(const ConvShape& s) {
  const bool size = s.kernel_h == 3 && s.kernel_w == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 &&
                    s.dilation_w == 1;
  const bool offsets =
      std::max(s.channels, s.outputs) * (kTaskTiles + s.width + 64) < (i64{1} << 30);  // they are 32 bits wide
  return size && offsets && s.groups == 1 && s.pad_h == s.pad_w && s.pad_h <= 2;
}

bool suits_forward(const ConvShape& s) { return runs(s) && pays(s.channels, s.outputs, s.out_height(), s.out_width()); }
// The transformed images of a group travel between the cores here, which many products a value must pay for.
bool suits_backward_filters(const ConvShape& s) {
  const i64 p = s.out_height(), q = s.out_width();
  const bool whole_tiles = p % 2 == 0 && q % 2 == 0;
  const bool offsets =
      s.channels * (std::max(kGradientTiles, p / 2 * (q / 2)) + 64) < (i64{1} << 31);  // they are 32 bits wide
  return runs(s) && pays(s.channels, s.outputs, p, q) && s.channels >= 96 && s.outputs >= 96 && whole_tiles && offsets;
}
bool suits_backward_data(const ConvShape& s) { return runs(s) && pays(s.outputs, s.channels, s.height, s.width); }

}  // namespace tern::kernels::conv::winograd
