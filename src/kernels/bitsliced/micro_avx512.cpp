#include <immintrin.h>

#include <cstdint>

namespace {

// Truth table of f(a, b, c) for vpternlog, whose index is a * 4 + b * 2 + c.
template <class F>
constexpr int table(F f) {
  int t = 0;
  for (int i = 0; i < 8; ++i) t |= (f(i >> 2 & 1, i >> 1 & 1, i & 1) & 1) << i;
  return t;
}

struct Ops {
  using V = __m512i;
  static V load(const std::uint8_t* p) { return _mm512_load_si512(p); }
  static void store(std::uint8_t* p, V v) { _mm512_storeu_si512(p, v); }
  static V splat(std::uint64_t w) { return _mm512_set1_epi64(static_cast<long long>(w)); }
  static V zero() { return _mm512_setzero_si512(); }
  static V ones() { return _mm512_set1_epi64(-1); }

  // vpternlog overwrites an operand and an adder needs all three twice. So the sum goes first, over a, and the carry is
  // computed from b, c and that sum: a is b ^ c ^ sum. No register is moved.
  template <int kComplemented>
  static void add(V& a, V& b, V c) {
    constexpr int na = kComplemented > 2, nb = kComplemented > 1, nc = kComplemented > 0;
    constexpr int kSum = table([](int x, int y, int z) { return (x ^ na) ^ (y ^ nb) ^ (z ^ nc); });
    constexpr int kCarry = table([](int y, int z, int sum) {
      const int q = y ^ nb, r = z ^ nc, p = q ^ r ^ sum;
      return (p & q) | (p & r) | (q & r);
    });
    a = _mm512_ternarylogic_epi64(a, b, c, kSum);
    b = _mm512_ternarylogic_epi64(b, c, a, kCarry);
  }
  static void half(V& a, V& b) {
    const V sum = _mm512_xor_si512(a, b);
    b = _mm512_and_si512(a, b);
    a = sum;
  }
  static V at_least(V s, V g, V t) {
    return _mm512_ternarylogic_epi64(s, g, t, table([](int x, int y, int z) { return z ? (x & y) : (x | y); }));
  }
  static V choose(V m, V a, V b) {
    return _mm512_ternarylogic_epi64(m, a, b, table([](int x, int y, int z) { return x ? y : z; }));
  }
  static V exclusive_or(V a, V b) { return _mm512_xor_si512(a, b); }
  static V shift_in(const std::uint8_t* p, int n) {
    const V low = _mm512_loadu_si512(p), high = _mm512_loadu_si512(p + 8);
    return _mm512_or_si512(_mm512_srl_epi64(low, _mm_cvtsi32_si128(n)), _mm512_sll_epi64(high, _mm_cvtsi32_si128(64 - n)));
  }
};

}  // namespace

#include "kernels/bitsliced/micro_impl.hpp"

namespace tern::kernels::bitsliced {
const Micro kMicroAvx512 = {"avx512", 64, run_tile, fill_panel};
}  // namespace tern::kernels::bitsliced
