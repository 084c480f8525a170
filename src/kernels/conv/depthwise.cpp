#include "kernels/conv/depthwise.hpp"

#include <algorithm>
#include <vector>

#include "kernels/conv/phases.hpp"
#include "kernels/conv/scratch.hpp"
#include "kernels/conv/select.hpp"
#include "tern/parallel.hpp"

namespace tern::kernels::conv::depthwise {
namespace {

constexpr i64 kMostFloats = i64{1} << 22;  // of a plane with its border, so that offsets stay small
constexpr i64 kGrain = i64{1} << 15;       // multiplications worth a task

template <class F>
void for_planes(const ConvShape& s, i64 planes, i64 of_a_task, F f) {
  const i64 work = std::max<i64>(1, of_a_task * s.p * s.q * s.r * s.s);
  parallel_ranges(planes, std::max<i64>(1, kGrain / work), [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) f(i);
  });
}

}  // namespace

bool runs(const ConvShape& s) {
  if (s.groups != s.c || s.c != s.o) return false;
  const Phases phases(s);
  const double bordered = static_cast<double>(phases.rows + s.r) * static_cast<double>(phases.pitch + s.s) *
                          static_cast<double>(s.stride_h * s.stride_w);
  return s.r * s.s <= 256 && bordered < static_cast<double>(kMostFloats);
}

void forward(const ConvShape& s, const float* x, const float* filters, const float* bias, float* y) {
  const Phases phases(s);
  const Micro& micro = current_micro();
  const i64 slack = micro.width;  // vectors may begin at the last element
  const i64 taps = s.r * s.s;
  for_planes(s, s.n * s.c, 1, [&](i64 plane) {
    const i64 c = plane % s.c;
    float* in = thread_scratch<Purpose::kPlanes>(phases.floats() + slack);
    float* out = thread_scratch<Purpose::kBlock>(phases.run + slack);
    phases.fill(x + plane * s.h * s.w, 0.0f, in);
    std::fill_n(in + phases.floats(), slack, 0.0f);
    micro.shifted_sum(in, phases.taps.data(), filters + c * taps, taps, bias ? bias[c] : 0.0f, phases.run, out);
    for (i64 i = 0; i < s.p; ++i) std::copy_n(out + i * phases.pitch, s.q, y + (plane * s.p + i) * s.q);
  });
}

void backward_data(const ConvShape& s, const float* dy, const float* filters, float* dx) {
  const GradientPhases g(s);
  const Micro& micro = current_micro();
  const i64 slack = micro.width;  // vectors may begin at the last element
  const i64 taps = s.r * s.s;
  for_planes(s, s.n * s.c, 1, [&](i64 plane) {
    const float* w = filters + plane % s.c * taps;
    float* in = thread_scratch<Purpose::kPlanes>(g.floats() + slack);
    float* out = thread_scratch<Purpose::kBlock>(g.rows * g.pitch + slack);
    float* mine = thread_scratch<Purpose::kPoints>(taps);
    g.fill(dy + plane * s.p * s.q, 0.0f, in, slack);
    float* to = dx + plane * s.h * s.w;
    std::fill_n(to, s.h * s.w, 0.0f);
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
  const i64 taps = s.r * s.s;
  for_planes(s, s.c, s.n, [&](i64 c) {
    std::vector<double> sums(static_cast<std::size_t>(taps), 0.0);
    float* in = thread_scratch<Purpose::kPlanes>(phases.floats() + slack);
    float* out = thread_scratch<Purpose::kBlock>(s.p * phases.pitch + slack);
    float* products = thread_scratch<Purpose::kPoints>(taps);
    std::fill_n(in + phases.floats(), slack, 0.0f);
    std::fill_n(out + s.p * phases.pitch, slack, 0.0f);
    for (i64 n = 0; n < s.n; ++n) {
      phases.fill(x + (n * s.c + c) * s.h * s.w, 0.0f, in);
      spread_rows(dy + (n * s.c + c) * s.p * s.q, s.p, s.q, 0.0f, out, phases.pitch);
      micro.shifted_dots(in, phases.taps.data(), taps, out, phases.run, products);
      for (i64 t = 0; t < taps; ++t) sums[static_cast<std::size_t>(t)] += static_cast<double>(products[t]);
    }
    for (i64 t = 0; t < taps; ++t) dfilters[c * taps + t] = static_cast<float>(sums[static_cast<std::size_t>(t)]);
  });
}

}  // namespace tern::kernels::conv::depthwise
