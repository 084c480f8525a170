#include "kernels/conv/geometry.hpp"

#include <algorithm>
#include <cstring>

namespace tern::kernels::conv {
namespace {

i64 floor_div(i64 a, i64 b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// Makes shifts start at zero and records what they need.
void settle(AxisPlan& plan) {
  i64 lo = 0, hi = 0;
  bool any = false;
  for (const AxisGrid& g : plan.grids) {
    plan.longest = std::max(plan.longest, g.count);
    for (const Tap& t : g.taps) {
      lo = any ? std::min(lo, t.shift) : t.shift;
      hi = any ? std::max(hi, t.shift) : t.shift;
      any = true;
    }
  }
  for (AxisGrid& g : plan.grids) {
    for (Tap& t : g.taps) t.shift -= lo;
  }
  plan.lo = lo;
  plan.reach = hi - lo;
}

}  // namespace

AxisPlan plan_forward(i64 in, i64 out, i64 kernel, i64 stride, i64 pad, i64 dilation) {
  AxisPlan plan;
  plan.source = in;
  plan.result = out;
  plan.stride = stride;
  plan.grids.push_back({0, 1, out, {}});
  for (i64 r = 0; r < kernel; ++r) {
    const i64 at = r * dilation - pad, a = floor_div(at, stride), b = at - a * stride;
    auto found = std::find(plan.phases.begin(), plan.phases.end(), b);
    if (found == plan.phases.end()) found = plan.phases.insert(found, b);
    plan.grids[0].taps.push_back({r, found - plan.phases.begin(), a});
  }
  settle(plan);
  return plan;
}

AxisPlan plan_backward(i64 in, i64 out, i64 kernel, i64 stride, i64 pad, i64 dilation) {
  AxisPlan plan;
  plan.source = out;
  plan.result = in;
  plan.phases = {0};
  for (i64 b = 0; b < std::min(stride, in); ++b) {
    AxisGrid grid{b, stride, (in - b + stride - 1) / stride, {}};
    for (i64 r = 0; r < kernel; ++r) {
      const i64 at = b + pad - r * dilation;
      if (floor_div(at, stride) * stride == at) grid.taps.push_back({r, 0, floor_div(at, stride)});
    }
    plan.grids.push_back(std::move(grid));
  }
  settle(plan);
  return plan;
}

void lay_out(Plan& plan, i64 channels, i64 band) {
  plan.channels = channels;
  plan.band = band;
  plan.rows = band + plan.h.reach;
  plan.cols = plan.w.longest + plan.w.reach;
  plan.plane = plan.rows * plan.cols;
  plan.channel = plan.plane * plan.phases();
  // Channels a multiple of a page apart would share cache sets.
  if (plan.channel % 256 == 0) plan.channel += 16;
  plan.image = plan.channel * channels;
  const auto as_is = [](const AxisPlan& a, i64 extent) {
    return a.stride == 1 && a.lo == 0 && extent == a.source;
  };
  plan.in_place = band == plan.h.longest && as_is(plan.h, plan.rows) && as_is(plan.w, plan.cols);
  if (plan.in_place) {
    plan.channel = plan.plane;
    plan.image = plan.channel * channels;
  }
}

void copy_planes(const Plan& plan, const float* source, i64 row0, float* planes) {
  const AxisPlan &h = plan.h, &w = plan.w;
  for (i64 c = 0; c < plan.channels; ++c) {
    float* dst = planes + c * plan.channel;
    const float* src = source + c * h.source * w.source;
    for (const i64 bh : h.phases) {
      for (const i64 bw : w.phases) {
        // Columns [first, last) of the plane lie inside the image.
        const i64 origin = w.lo * w.stride + bw;
        const i64 first = std::clamp<i64>((-origin + w.stride - 1) / w.stride, 0, plan.cols);
        const i64 last = std::clamp<i64>((w.source - origin + w.stride - 1) / w.stride, first, plan.cols);
        for (i64 i = 0; i < plan.rows; ++i, dst += plan.cols) {
          const i64 y = (row0 + i + h.lo) * h.stride + bh;
          if (y < 0 || y >= h.source) {
            std::memset(dst, 0, static_cast<std::size_t>(plan.cols) * sizeof(float));
            continue;
          }
          const float* from = src + y * w.source + origin;
          for (i64 j = 0; j < first; ++j) dst[j] = 0.0f;
          if (w.stride == 1) {
            for (i64 j = first; j < last; ++j) dst[j] = from[j];
          } else if (w.stride == 2) {
            for (i64 j = first; j < last; ++j) dst[j] = from[2 * j];
          } else {
            for (i64 j = first; j < last; ++j) dst[j] = from[j * w.stride];
          }
          for (i64 j = last; j < plan.cols; ++j) dst[j] = 0.0f;
        }
      }
    }
  }
}

TapTable make_table(const Plan& plan, const AxisGrid& gh, const AxisGrid& gw, i64 kernel_w) {
  TapTable table;
  std::vector<i64> shifts;
  for (const Tap& r : gh.taps) {
    for (const Tap& s : gw.taps) {
      table.taps.push_back(r.index * kernel_w + s.index);
      const i64 plane = r.plane * static_cast<i64>(plan.w.phases.size()) + s.plane;
      shifts.push_back(plane * plan.plane + r.shift * plan.cols + s.shift);
    }
  }
  table.offsets.reserve(shifts.size() * static_cast<std::size_t>(plan.channels));
  for (i64 c = 0; c < plan.channels; ++c) {
    for (const i64 s : shifts) table.offsets.push_back(static_cast<i32>(c * plan.channel + s));
  }
  return table;
}

}  // namespace tern::kernels::conv
