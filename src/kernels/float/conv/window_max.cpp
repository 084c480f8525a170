#include "kernels/float/conv/window_max.hpp"

#include <limits>

#include "kernels/float/conv/depthwise.hpp"
#include "kernels/float/conv/micro.hpp"
#include "kernels/float/conv/phases.hpp"
#include "kernels/float/conv/scratch.hpp"
#include "tern/parallel.hpp"

namespace tern::kernels::conv::window_max {
namespace {

constexpr unsigned char kNobody = 255;
constexpr i64 kGrain = i64{1} << 15;  // comparisons worth a task

template <class F>
void for_planes(const ConvShape& s, F f) {
  parallel_ranges(s.batch * s.channels,
                  std::max<i64>(1, kGrain / std::max<i64>(1, s.out_height() * s.out_width() * s.kernel_h * s.kernel_w)),
                  [&](i64 begin, i64 end) {
                    for (i64 i = begin; i < end; ++i) f(i);
                  });
}

unsigned char* byte_scratch(i64 bytes) {
  return reinterpret_cast<unsigned char*>(thread_scratch<Purpose::kProducts>(bytes / 4 + 1));
}

// The first pixel of window (i, j) that is in the image: where all of them are -inf, it wins.
unsigned char first_pixel(const ConvShape& s, i64 i, i64 j) {
  const i64 row = std::max<i64>(0, s.pad_h - i * s.stride_h), col = std::max<i64>(0, s.pad_w - j * s.stride_w);
  return static_cast<unsigned char>(row * s.kernel_w + col);
}

}  // namespace

bool runs(const ConvShape& s) {
  return s.kernel_h * s.kernel_w < kNobody && s.dilation_h == 1 && s.dilation_w == 1 && depthwise::runs(s);
}

void forward(const ConvShape& s, const float* x, float* y, unsigned char* winner) {
  const Phases phases(s);
  const Micro& micro = current_micro();
  const i64 slack = micro.width;  // vectors may begin at the last element
  constexpr float kBorder = -std::numeric_limits<float>::infinity();
  for_planes(s, [&](i64 plane) {
    float* in = thread_scratch<Purpose::kPlanes>(phases.floats() + slack);
    float* top = thread_scratch<Purpose::kBlock>(phases.run + slack);
    unsigned char* best = byte_scratch(phases.run + slack);
    phases.fill(x + plane * s.height * s.width, kBorder, in);
    std::fill_n(in + phases.floats(), slack, kBorder);
    micro.shifted_max(in, phases.taps.data(), s.kernel_h * s.kernel_w, phases.run, top, best);
    for (i64 i = 0; i < phases.p; ++i) {
      const i64 to = (plane * phases.p + i) * phases.q;
      std::copy_n(top + i * phases.pitch, phases.q, y + to);
      if (!winner) continue;
      for (i64 j = 0; j < phases.q; ++j) {
        const unsigned char b = best[i * phases.pitch + j];
        winner[to + j] = b != kNobody ? b : first_pixel(s, i, j);
      }
    }
  });
}

void backward(const ConvShape& s, const float* dy, const unsigned char* winner, float* dx) {
  const GradientPhases g(s);
  const Micro& micro = current_micro();
  const i64 slack = micro.width;
  for_planes(s, [&](i64 plane) {
    float* in = thread_scratch<Purpose::kPlanes>(g.floats() + slack);
    float* out = thread_scratch<Purpose::kBlock>(g.rows * g.pitch + slack);
    unsigned char* won = byte_scratch(g.floats() + slack);
    g.fill(dy + plane * g.p * g.q, 0.0f, in, slack);
    g.fill(winner + plane * g.p * g.q, kNobody, won, slack);
    float* to = dx + plane * s.height * s.width;
    std::fill_n(to, s.height * s.width, 0.0f);
    for (const GradientPhases::Phase& f : g.phases) {
      micro.shifted_pick(in, won, f.taps.data(), f.which.data(), static_cast<i64>(f.which.size()), g.rows * g.pitch,
                         out);
      g.gather(f, out, to);
    }
  });
}

}  // namespace tern::kernels::conv::window_max
