#include "kernels/float/conv/depthwise.hpp"

#include <algorithm>
#include <vector>

#include "kernels/float/conv/micro.hpp"
#include "kernels/float/conv/phases.hpp"
#include "kernels/float/conv/scratch.hpp"
#include "tern/parallel.hpp"

namespace tern::kernels::conv::depthwise {
namespace {

constexpr i64 kMostFloats = i64{1} << 22;  // of a plane with its border, so that offsets stay small
constexpr i64 kGrain = i64{1} << 15;       // multiplications worth a task

template <class F>
void for_planes(const ConvShape& s, i64 planes, i64 of_a_task, F f) {
  const i64 work = std::max<i64>(1, of_a_task * s.out_height() * s.out_width() * s.kernel_h * s.kernel_w);
  parallel_ranges(planes, std::max<i64>(1, kGrain / work), [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) f(i);
  });
}

}  // namespace

bool runs(const ConvShape& s) {
  if (s.groups != s.channels || s.channels != s.outputs) return false;
  const Phases phases(s);
  const double bordered = static_cast<double>(phases.rows + s.kernel_h) *
                          static_cast<double>(phases.pitch + s.kernel_w) * static_cast<double>(s.stride_h * s.stride_w);
  return s.kernel_h * s.kernel_w <= 256 && bordered < static_cast<double>(kMostFloats);
}

void forward(const ConvShape& s, const float* x, const float* filters, const float* bias, float* y) {
  const Phases phases(s);
  const Micro& micro = current_micro();
  const i64 slack = micro.width;  // vectors may begin at the last element
  const i64 taps = s.kernel_h * s.kernel_w;
  for_planes(s, s.batch * s.channels, 1, [&](i64 plane) {
    const i64 c = plane % s.channels;
    float* in = thread_scratch<Purpose::kPlanes>(phases.floats() + slack);
    float* out = thread_scratch<Purpose::kBlock>(phases.run + slack);
    phases.fill(x + plane * s.height * s.width, 0.0f, in);
    std::fill_n(in + phases.floats(), slack, 0.0f);
    micro.shifted_sum(in, phases.taps.data(), filters + c * taps, taps, bias ? bias[c] : 0.0f, phases.run, out);
    for (i64 i = 0; i < phases.p; ++i)
      std::copy_n(out + i * phases.pitch, phases.q, y + (plane * phases.p + i) * phases.q);
  });
}

void backward_data(const ConvShape& s, const float* dy, const float* filters, float* dx) {
  const GradientPhases g(s);
  const Micro& micro = current_micro();
  const i64 slack = micro.width;  // vectors may begin at the last element
  const i64 taps = s.kernel_h * s.kernel_w;
  for_planes(s, s.batch * s.channels, 1, [&](i64 plane) {
    const float* w = filters + plane % s.channels * taps;
    float* in = thread_scratch<Purpose::kPlanes>(g.floats() + slack);
    float* out = thread_scratch<Purpose::kBlock>(g.rows * g.pitch + slack);
    float* mine = thread_scratch<Purpose::kPoints>(taps);
    g.fill(dy + plane * g.p * g.q, 0.0f, in, slack);
    float* to = dx + plane * s.height * s.width;
    std::fill_n(to, s.height * s.width, 0.0f);
    for (const GradientPhases::Phase& f : g.phases) {
      for (std::size_t t = 0; t < f.which.size(); ++t) mine[t] = w[f.which[t]];
      micro.shifted_sum(in, f.taps.data(), mine, static_cast<i64>(f.which.size()), 0.0f, g.rows * g.pitch, out);
      g.gather(f, out, to);
    }
  });
}

// Images one after the other, in double from one to the next.
void backward_filters(const ConvShape& s, const float* x, const float* dy, float* dfilters) {
  const Phases phases(s);
  const Micro& micro = current_micro();
  const i64 slack = micro.width;  // vectors may begin at the last element
  const i64 taps = s.kernel_h * s.kernel_w;
  for_planes(s, s.channels, s.batch, [&](i64 c) {
    std::vector<double> sums(static_cast<std::size_t>(taps), 0.0);
    float* in = thread_scratch<Purpose::kPlanes>(phases.floats() + slack);
    float* out = thread_scratch<Purpose::kBlock>(phases.p * phases.pitch + slack);
    float* products = thread_scratch<Purpose::kPoints>(taps);
    std::fill_n(in + phases.floats(), slack, 0.0f);
    std::fill_n(out + phases.p * phases.pitch, slack, 0.0f);
    for (i64 n = 0; n < s.batch; ++n) {
      phases.fill(x + (n * s.channels + c) * s.height * s.width, 0.0f, in);
      spread_rows(dy + (n * s.channels + c) * phases.p * phases.q, phases.p, phases.q, 0.0f, out, phases.pitch);
      micro.shifted_dots(in, phases.taps.data(), taps, out, phases.run, products);
      for (i64 t = 0; t < taps; ++t) sums[static_cast<std::size_t>(t)] += static_cast<double>(products[t]);
    }
    for (i64 t = 0; t < taps; ++t) dfilters[c * taps + t] = static_cast<float>(sums[static_cast<std::size_t>(t)]);
  });
}

}  // namespace tern::kernels::conv::depthwise
