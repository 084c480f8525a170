// 64-bit words only. Population count by the classic sum of neighbouring bits, pairs, nibbles.
#pragma once

#include <cstdint>

#include "kernels/packed/kpacked/threshold_scalar.hpp"

namespace {

struct Ops {
  using V = std::uint64_t;
  static constexpr int kLanes64 = 1, kTile = 1;
  static constexpr bool kBytes = true;
  static V load(const std::uint64_t* p) { return *p; }
  static V broadcast(std::uint64_t w) { return w; }
  static V zero() { return 0; }
  static V add64(V a, V b) { return a + b; }
  static V add8(V a, V b) { return a + b; }
  static V match(V x, V s, V nz) { return nz & ~(x ^ s); }
  static V agreeing(V s) {
    const V differ = (s ^ s >> 1) & 0x5555555555555555u;
    return ~(differ | differ << 1);
  }
  static V count(V v) {
    v -= v >> 1 & 0x5555555555555555u;
    v = (v & 0x3333333333333333u) + (v >> 2 & 0x3333333333333333u);
    return (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  }
  // Bytes hold up to 248, so pairs are added in 16 bits before the horizontal sum.
  static V widen(V v) {
    const V pairs = (v & 0x00ff00ff00ff00ffu) + (v >> 8 & 0x00ff00ff00ff00ffu);
    return pairs * 0x0001000100010001u >> 48;
  }
  static void add_low(V v, int shift, std::int32_t* to) {
    *to = static_cast<std::int32_t>(static_cast<std::uint32_t>(*to) + (static_cast<std::uint32_t>(v) << shift));
  }
};

}  // namespace
