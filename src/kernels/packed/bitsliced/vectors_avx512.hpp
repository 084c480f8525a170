// AVX-512 on vectors of 64 bytes, __m512i, and of 32, __m256i: an image of at most 256 positions fills the latter,
// whose panel takes half the bytes.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <type_traits>

namespace {

// Truth table of f(a, b, c) for vpternlog, whose index is a * 4 + b * 2 + c.
template <class F>
constexpr int table(F f) {
  int t = 0;
  for (int i = 0; i < 8; ++i) t |= (f(i >> 2 & 1, i >> 1 & 1, i & 1) & 1) << i;
  return t;
}
template <int kTable>
inline __m512i look_up(__m512i a, __m512i b, __m512i c) {
  return _mm512_ternarylogic_epi64(a, b, c, kTable);
}
template <int kTable>
inline __m256i look_up(__m256i a, __m256i b, __m256i c) {
  return _mm256_ternarylogic_epi64(a, b, c, kTable);
}

template <int kBytes>
struct Base {
  typedef long long V __attribute__((vector_size(kBytes), may_alias));
  static V load(const std::uint8_t* p) {
    return load_any(static_cast<const std::uint8_t*>(__builtin_assume_aligned(p, kBytes)));
  }
  static V load_any(const std::uint8_t* p) {
    V v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  }
  static void store(std::uint8_t* p, V v) { __builtin_memcpy(p, &v, sizeof v); }
  static V splat(std::uint64_t w) { return V{} + static_cast<long long>(w); }
  static V splat_half(std::uint32_t w) {
    typedef std::uint32_t Halves __attribute__((vector_size(kBytes)));
    return (V)(Halves{} + w);
  }
  static V zero() { return V{}; }
  static V ones() { return ~V{}; }
  static V invert(V v) { return ~v; }

  static void half(V& a, V& b) {
    const V sum = a ^ b;
    b &= a;
    a = sum;
  }
  static V at_least(V s, V g, V t) {
    return look_up<table([](int x, int y, int z) { return z ? (x & y) : (x | y); })>(s, g, t);
  }
  static V choose(V m, V a, V b) {
    return look_up<table([](int x, int y, int z) { return x ? y : z; })>(m, a, b);
  }
  static V exclusive_or(V a, V b) { return a ^ b; }
};

// AVX-512 F/BW (Skylake-SP, Cascade Lake): four instructions a cycle at most, so none may be wasted on moving
// registers. vpternlog overwrites an operand and an adder needs all three twice. So the sum goes first, over a, and the
// carry is computed from b, c and that sum: a is b ^ c ^ sum. No register is moved.
template <int kBytes>
struct OverwritingOps : Base<kBytes> {
  using V = typename Base<kBytes>::V;
  using Half = std::conditional_t<kBytes == 64, OverwritingOps<32>, void>;
  static void add(V& a, V& b, V c) {
    a = look_up<table([](int x, int y, int z) { return x ^ y ^ z; })>(a, b, c);
    b = look_up<table([](int y, int z, int sum) {
      const int x = y ^ z ^ sum;
      return (x & y) | (x & z) | (y & z);
    })>(b, c, a);
  }
  static void add_inverse(V& a, V& b, V c) { add(a, b, ~c); }
  static V shift_in(V low, V high, int n) { return n == 0 ? low : shift(low, n) | shift(high, n - 64); }

 private:
  static __m512i shift(__m512i v, int right) {
    return right >= 0 ? _mm512_srl_epi64(v, _mm_cvtsi32_si128(right)) : _mm512_sll_epi64(v, _mm_cvtsi32_si128(-right));
  }
  static __m256i shift(__m256i v, int right) {
    return right >= 0 ? _mm256_srl_epi64(v, _mm_cvtsi32_si128(right)) : _mm256_sll_epi64(v, _mm_cvtsi32_si128(-right));
  }
};

// AVX-512 of Ice Lake, Zen 4 and later. A register move costs nothing here, while the wait for the sum does: the carry
// is computed beside it. Measured on Zen 5: vpternlog with three different registers runs two a cycle (four if they
// share operands: the register file has ports for about six reads), so an adder takes one cycle and a ternary weight
// two; the main loop needs 2.2. Sums from two exclusive ors read seven registers instead of six and take 2.5.
template <int kBytes>
struct ParallelOps : Base<kBytes> {
  using V = typename Base<kBytes>::V;
  using Half = std::conditional_t<kBytes == 64, ParallelOps<32>, void>;
  static void add(V& a, V& b, V c) {
    const V sum = look_up<table([](int x, int y, int z) { return x ^ y ^ z; })>(a, b, c);
    b = look_up<table([](int x, int y, int z) { return (x & y) | (x & z) | (y & z); })>(a, b, c);
    a = sum;
  }
  static void add_inverse(V& a, V& b, V c) {
    const V sum = look_up<table([](int x, int y, int z) { return 1 ^ x ^ y ^ z; })>(a, b, c);
    b = look_up<table([](int x, int y, int z) { return (x & y) | (x & (z ^ 1)) | (y & (z ^ 1)); })>(a, b, c);
    a = sum;
  }
  static V shift_in(V low, V high, int n) { return shift(low, high, n); }

 private:
#if defined(__AVX512VBMI2__)
  static __m512i shift(__m512i low, __m512i high, int n) { return _mm512_shrdv_epi64(low, high, _mm512_set1_epi64(n)); }
  static __m256i shift(__m256i low, __m256i high, int n) {
    return _mm256_shrdv_epi64(low, high, _mm256_set1_epi64x(n));
  }
#endif
};

}  // namespace
