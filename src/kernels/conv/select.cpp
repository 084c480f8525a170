#include "kernels/conv/select.hpp"

#include <limits>

#include "kernels/conv/implicit.hpp"
#include "tern/cpu.hpp"

namespace tern::kernels::conv {

const Micro& current_micro() {
  switch (active_isa()) {
#if defined(__x86_64__)
    case Isa::kAvx512Vpopcnt:
    case Isa::kAvx512:
      return *micro_avx512();
    case Isa::kAvx2:
      return *micro_avx2();
#elif defined(__aarch64__)
    case Isa::kNeon:
      return *micro_neon();
#endif
    default:
      return *micro_portable();
  }
}

ConvShape collapse(const ConvShape& shape) {
  ConvShape s = shape;
  const bool pointwise = s.r == 1 && s.s == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_h == 0 && s.pad_w == 0;
  if (pointwise && s.h * s.w <= 1024) {
    s.w *= s.h;
    s.q *= s.p;
    s.h = s.p = 1;
  }
  return s;
}

namespace implicit {
namespace {

// Half-filled vectors and rows of a few pixels still win over an im2col matrix; less does not. An image may be all
// padding.
bool suits(const ConvShape& given, i64 lanes, i64 columns, i64 k) {
  const ConvShape s = collapse(given);
  const i64 c = s.c / s.groups, o = s.o / s.groups;
  const i64 margin_h = s.r * s.dilation_h + s.stride_h, margin_w = s.s * s.dilation_w + s.stride_w;
  // Offsets inside one image's planes are 32 bits wide.
  const double plane =
      static_cast<double>(s.h + 2 * s.pad_h + margin_h) * static_cast<double>(s.w + 2 * s.pad_w + margin_w);
  const bool countable = plane * static_cast<double>(c > o ? c : o) < 0.25 * std::numeric_limits<i32>::max();
  return s.h * s.w > 0 && countable && 2 * lanes >= current_micro().width && columns >= 3 && k >= 4;
}

}  // namespace

bool suits_forward(const ConvShape& s) { return suits(s, s.o / s.groups, collapse(s).q, s.c / s.groups * s.r * s.s); }
bool suits_backward_data(const ConvShape& s) {
  return suits(s, s.c / s.groups, collapse(s).w / s.stride_w, s.o / s.groups * s.r * s.s);
}
bool suits_backward_filters(const ConvShape& s) {
  return suits(s, s.o / s.groups, collapse(s).q, s.c / s.groups * s.r * s.s);
}

}  // namespace implicit
}  // namespace tern::kernels::conv
