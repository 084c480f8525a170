#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace {

struct Ops {
  using V = uint64x2_t;
  static constexpr int kLanes64 = 2, kTile = 2;
  static constexpr bool kBytes = true;
  static V load(const std::uint64_t* p) { return vld1q_u64(p); }
  static V broadcast(std::uint64_t w) { return vdupq_n_u64(w); }
  static V zero() { return vdupq_n_u64(0); }
  static V add64(V a, V b) { return vaddq_u64(a, b); }
  static V add8(V a, V b) { return vreinterpretq_u64_u8(vaddq_u8(vreinterpretq_u8_u64(a), vreinterpretq_u8_u64(b))); }
  static V match(V x, V s, V nz) { return vbicq_u64(nz, veorq_u64(x, s)); }
  static V agreeing(V s) {
    const V differ = vandq_u64(veorq_u64(s, vshrq_n_u64(s, 1)), vdupq_n_u64(0x5555555555555555u));
    return vreinterpretq_u64_u32(vmvnq_u32(vreinterpretq_u32_u64(vorrq_u64(differ, vshlq_n_u64(differ, 1)))));
  }
  static V count(V v) { return vreinterpretq_u64_u8(vcntq_u8(vreinterpretq_u8_u64(v))); }
  static V widen(V v) { return vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(vreinterpretq_u8_u64(v)))); }
  static void add_low(V v, int shift, std::int32_t* to) {
    const int32x2_t low = vshl_s32(vreinterpret_s32_u32(vmovn_u64(v)), vdup_n_s32(shift));
    vst1_s32(to, vadd_s32(vld1_s32(to), low));
  }
};

std::uint8_t mask_of(uint32x4_t low, uint32x4_t high) {
  const uint8x8_t bits = {1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x8_t lanes = vmovn_u16(vcombine_u16(vmovn_u32(low), vmovn_u32(high)));
  return vaddv_u8(vand_u8(lanes, bits));
}

void threshold(const std::int32_t* acc, std::int64_t pixels, const std::int32_t* thresholds, int levels,
               std::uint8_t* out, const std::int32_t* at, std::int64_t level_step) {
  for (int j = 0; j < levels; ++j) {
    const int32x4_t low = vld1q_s32(thresholds + 8 * j), high = vld1q_s32(thresholds + 8 * j + 4);
    for (std::int64_t i = 0; i < pixels; ++i) {
      out[j * level_step + at[i]] =
          mask_of(vcgeq_s32(vld1q_s32(acc + 8 * i), low), vcgeq_s32(vld1q_s32(acc + 8 * i + 4), high));
    }
  }
}

void threshold_floats(const float* v, std::int64_t pixels, const float* thresholds, int levels, int bytes,
                      std::uint8_t* out, const std::int32_t* at, std::int64_t level_step) {
  for (int j = 0; j < levels; ++j) {
    const float32x4_t t = vdupq_n_f32(thresholds[j]);
    for (std::int64_t i = 0; i < pixels; ++i) {
      for (int b = 0; b < bytes; ++b) {
        const float* x = v + 16 * i + 8 * b;
        out[j * level_step + at[i] + b] = mask_of(vcgeq_f32(vld1q_f32(x), t), vcgeq_f32(vld1q_f32(x + 4), t));
      }
    }
  }
}

}  // namespace
