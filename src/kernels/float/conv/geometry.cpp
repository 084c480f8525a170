#include "kernels/float/conv/geometry.hpp"

#include <algorithm>
#include <utility>

namespace tern::kernels::conv {
namespace {

constexpr i64 kPrefetchFloats = 1024, kLineFloats = 16;

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
    std::reverse(grid.taps.begin(), grid.taps.end());  // ascending shifts, as in the forward direction
    plan.grids.push_back(std::move(grid));
  }
  settle(plan);
  return plan;
}

void lay_out(Plan& plan, i64 channels, i64 band, i64 width) {
  plan.channels = channels;
  plan.band = band;
  plan.rows = band + plan.h.reach;
  plan.cols = plan.w.longest + plan.w.reach;
  const auto as_is = [](const AxisPlan& a, i64 extent) { return a.stride == 1 && a.lo == 0 && extent == a.source; };
  plan.in_place = band == plan.h.longest && as_is(plan.h, plan.rows) && as_is(plan.w, plan.cols);
  if (!plan.in_place) plan.cols = (plan.cols + width - 1) / width * width;
  plan.plane = plan.rows * plan.cols;
  plan.channel = plan.plane * plan.phases();
  // Copied channels a multiple of a page apart would share cache sets.
  if (!plan.in_place && plan.channel % 256 == 0) plan.channel += kLineFloats;
  plan.image = plan.channel * channels;
}

void copy_planes(const Plan& plan, const Micro& micro, const float* source, i64 row0, float* planes) {
  const AxisPlan &h = plan.h, &w = plan.w;
  // Elements [first, last) of a phase plane's axis lie inside the image.
  const auto inside = [](const AxisPlan& a, i64 phase, i64 start, i64 extent) {
    const i64 origin = (start + a.lo) * a.stride + phase;
    const i64 first = std::clamp<i64>((a.stride - 1 - origin) / a.stride, 0, extent);
    return std::pair{first, std::clamp<i64>((a.source - origin + a.stride - 1) / a.stride, first, extent)};
  };
  i64 ahead = std::max<i64>(1, kPrefetchFloats / (h.source * w.source));
  for (std::size_t i = 0; i < h.phases.size(); ++i) {
    for (std::size_t j = 0; j < w.phases.size(); ++j) {
      const auto [top, bottom] = inside(h, h.phases[i], row0, plan.rows);
      const auto [left, right] = inside(w, w.phases[j], 0, plan.cols);
      const i64 y = (row0 + top + h.lo) * h.stride + h.phases[i], x = (left + w.lo) * w.stride + w.phases[j];
      const PlaneCopy copy{plan.channels, h.source * w.source, plan.channel, top,
                           bottom - top,  plan.rows - bottom,  left,         right - left,
                           plan.cols,     h.stride * w.source, w.stride,     ahead};
      float* to = planes + static_cast<i64>(i * w.phases.size() + j) * plan.plane;
      micro.copy_planes(source + y * w.source + x, to, copy);
      ahead = 0;  // further phases find the image in the cache
    }
  }
}

TapTable make_table(const Plan& plan, const AxisGrid& gh, const AxisGrid& gw, i64 kernel_h, i64 kernel_w) {
  TapTable table;
  std::vector<i64> shifts;
  for (const Tap& r : gh.taps) {
    for (const Tap& s : gw.taps) {
      table.taps.push_back(r.index * kernel_w + s.index);
      const i64 plane = r.plane * static_cast<i64>(plan.w.phases.size()) + s.plane;
      shifts.push_back(plane * plan.plane + r.shift * plan.cols + s.shift);
    }
  }
  table.natural = static_cast<i64>(table.taps.size()) == kernel_h * kernel_w &&
                  std::is_sorted(table.taps.begin(), table.taps.end());
  table.rows3 = !shifts.empty() && shifts.size() % 3 == 0;
  for (std::size_t i = 0; table.rows3 && i < shifts.size(); i += 3) {
    table.rows3 = shifts[i + 1] == shifts[i] + 1 && shifts[i + 2] == shifts[i] + 2;
  }
  table.offsets.reserve(shifts.size() * static_cast<std::size_t>(plan.channels));
  for (i64 c = 0; c < plan.channels; ++c) {
    for (const i64 s : shifts) table.offsets.push_back(static_cast<i32>(c * plan.channel + s));
  }
  return table;
}

}  // namespace tern::kernels::conv
