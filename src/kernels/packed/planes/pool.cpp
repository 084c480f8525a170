#include "kernels/packed/planes/pool.hpp"

#include <algorithm>
#include <array>

#include "kernels/packed/planes/words.hpp"

namespace tern::kernels::planes {
namespace {

constexpr int kMaxPlanes = 8;
using Planes = std::array<u64, kMaxPlanes>;

// Every `stride`-th bit of `n` outputs, moved together.
u64 compress(u64 x, i64 stride, i64 n) {
  if (stride == 1) return x;
  if (stride == 2) {
    x &= 0x5555555555555555u;
    x = (x | x >> 1) & 0x3333333333333333u;
    x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0fu;
    x = (x | x >> 4) & 0x00ff00ff00ff00ffu;
    x = (x | x >> 8) & 0x0000ffff0000ffffu;
    return (x | x >> 16) & 0x00000000ffffffffu;
  }
  u64 out = 0;
  for (i64 i = 0; i < n; ++i) out |= (x >> (i * stride) & 1) << i;
  return out;
}

// best = max(best, x), position by position.
void take_larger(Planes& best, const Planes& x, int planes, bool thermometer) {
  if (thermometer) {
    for (int k = 0; k < planes; ++k) best[static_cast<std::size_t>(k)] |= x[static_cast<std::size_t>(k)];
    return;
  }
  u64 larger = 0, equal = ~u64{0};
  for (int k = planes; k-- > 0;) {
    const auto at = static_cast<std::size_t>(k);
    larger |= equal & x[at] & ~best[at];
    equal &= ~(x[at] ^ best[at]);
  }
  for (int k = 0; k < planes; ++k) {
    const auto at = static_cast<std::size_t>(k);
    best[at] = (x[at] & larger) | (best[at] & ~larger);
  }
}

}  // namespace

void max_pool(const PoolShape& d, const bitsliced::SlicedLayout& in, const u8* x, const bitsliced::SlicedLayout& out,
              u8* y, i64 begin, i64 end) {
  const int planes = in.code.planes();
  const i64 chunk = d.stride >= 64 ? 1 : 63 / d.stride + 1;  // outputs whose positions span at most a word
  for (i64 c = begin; c < end; ++c) {
    const u8* from = x + c * planes * in.plane_bytes() + in.front_bytes();
    u8* to = y + c * planes * out.plane_bytes() + out.front_bytes();
    for (i64 p = 0; p < out.height; ++p) {
      const i64 top = std::max<i64>(p * d.stride - d.pad, 0),
                bottom = std::min(p * d.stride - d.pad + d.kernel, d.height);
      for (i64 q = 0; q < out.width; q += chunk) {
        const i64 n = std::min(chunk, out.width - q);
        Planes best{};
        for (i64 s = 0; s < d.kernel; ++s) {
          const i64 left = q * d.stride - d.pad + s,
                    span = (n - 1) * d.stride + 1;  // input columns left .. left + span - 1
          const i64 first = std::max<i64>(0, -left), last = std::min(span, d.width - left);
          if (first >= last) continue;
          const u64 inside = low_mask(last) & ~low_mask(first);
          for (i64 row = top; row < bottom; ++row) {
            Planes value{};
            for (int k = 0; k < planes; ++k) {
              value[static_cast<std::size_t>(k)] = word_at(from + k * in.plane_bytes(), in.bit(row, left)) & inside;
            }
            take_larger(best, value, planes, in.code.thermometer());
          }
        }
        for (int k = 0; k < planes; ++k) {
          put_word(to + k * out.plane_bytes(), out.bit(p, q), n,
                   compress(best[static_cast<std::size_t>(k)], d.stride, n));
        }
      }
    }
  }
}

}  // namespace tern::kernels::planes
