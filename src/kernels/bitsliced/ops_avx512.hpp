// What the two AVX-512 tables have in common; internal linkage.
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

struct Base {
  using V = __m512i;
  static V load(const std::uint8_t* p) { return _mm512_load_si512(p); }
  static V load_any(const std::uint8_t* p) { return _mm512_loadu_si512(p); }
  static void store(std::uint8_t* p, V v) { _mm512_storeu_si512(p, v); }
  static V splat(std::uint64_t w) { return _mm512_set1_epi64(static_cast<long long>(w)); }
  static V zero() { return _mm512_setzero_si512(); }
  static V ones() { return _mm512_set1_epi64(-1); }
  static V invert(V v) { return _mm512_xor_si512(v, ones()); }

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
};

}  // namespace
