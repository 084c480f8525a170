// Vectors of 16 bytes in the compiler's own notation: SSE2 on x86-64, NEON on aarch64, pairs of words elsewhere.
#pragma once

#include <cstdint>
#include <cstring>

namespace {

struct Ops {
  typedef std::uint64_t V __attribute__((vector_size(16), may_alias));
  using Half = void;
  static V load(const std::uint8_t* p) {
    V v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
  static void store(std::uint8_t* p, V v) { std::memcpy(p, &v, sizeof v); }
  static V splat(std::uint64_t w) { return V{w, w}; }
  static V splat_half(std::uint32_t w) { return splat(std::uint64_t{w} << 32 | w); }
  static V zero() { return V{0, 0}; }
  static V ones() { return ~zero(); }
  static V exclusive_or(V a, V b) { return a ^ b; }

  static V invert(V v) { return ~v; }

  static void add(V& a, V& b, V c) {
    const V differ = a ^ b;
    b = (differ & c) | (~differ & a);
    a = differ ^ c;
  }
  static void add_inverse(V& a, V& b, V c) { add(a, b, invert(c)); }
  static void half(V& a, V& b) {
    const V sum = a ^ b;
    b &= a;
    a = sum;
  }
  static V at_least(V s, V g, V t) { return (s & g) | (~t & (s | g)); }
  static V choose(V m, V a, V b) { return (m & a) | (~m & b); }
  static V load_any(const std::uint8_t* p) { return load(p); }
  static V shift_in(V low, V high, int n) {
    if (n == 0) return low;
    const V right = splat(static_cast<std::uint64_t>(n)), left = splat(static_cast<std::uint64_t>(64 - n));
    return (low >> right) | (high << left);
  }
};

}  // namespace
