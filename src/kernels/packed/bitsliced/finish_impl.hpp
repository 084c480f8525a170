// What follows when the sums of a bundle are complete: take them apart into the counts of its outputs (bundles.hpp),
// compare these with constants and write the codes, or add constants and write the numbers.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/packed/bitsliced/bundles.hpp"
#include "kernels/packed/bitsliced/micro.hpp"

namespace tern::kernels::bitsliced {
namespace {

// Sums of G outputs' patterns, of so many planes each and `step` vectors apart, to the outputs' counts of `bits`
// planes: count[g] = sum over patterns j of pattern_j[g] * sum_j. Chained: to what the columns have left that continue
// each other.
template <class Ops, int G, bool kChained, class V = typename Ops::V>
inline __attribute__((always_inline)) void take_apart(const V* sums, int planes, std::int64_t step, V* counts,
                                                      int bits) {
  V* const last = counts + (G - 1) * bits;
  constexpr int kFront = patterns(G - 1);
  const V* const end = sums + 3 * kFront * step;
#pragma GCC unroll 1
  for (int b = 0; b < bits; ++b) last[b] = end[std::min(b, planes - 1)];  // planes above repeat the sign
  if constexpr (G > 1) {
    const int total_planes = kChained ? planes : std::min(planes + 2, bits);
    V totals[kChained ? 1 : kFront * kMaxBits], *total = totals;
    const V* const chained = sums + 2 * step;
    for (int i = 0; i < kFront; ++i, sums += 3 * step, total += total_planes) {
      const V *first = sums, *second = sums + step, *third = second + step;
      V saved = Ops::zero(), carry = saved, more = saved, less = Ops::ones(), doubled = saved;
      const auto add_plane = [&](int b, int at) __attribute__((always_inline)) {
        if constexpr (kChained) {  // last + 2 first - second: three numbers to two, and those to one
          V next = doubled;
          doubled = first[at];
          Ops::add_inverse(last[b], next, second[at]);
          Ops::add(last[b], saved, less);
          less = saved, saved = next;
        } else {
          V difference = first[at];
          Ops::add_inverse(difference, less, second[at]);
          Ops::add(last[b], more, difference);
          if (at < b && b >= total_planes) return;
          V sum = third[at], next = first[at];
          Ops::add(sum, next, second[at]);
          Ops::add(sum, saved, carry);
          total[b] = sum, carry = saved, saved = next;
        }
      };
#pragma GCC unroll 4
      for (int b = 0; b < planes; ++b) add_plane(b, b);
#pragma GCC unroll 3
      for (int b = planes; b < bits; ++b) add_plane(b, planes - 1);
    }
    take_apart<Ops, G - 1, false>(kChained ? chained : totals, total_planes, kChained ? 3 * step : total_planes, counts,
                                  bits);
  }
}

// B = 0: any number of planes, in loops.
template <class Ops, int B, class V = typename Ops::V>
__attribute__((noinline)) void compare_and_store(const TileTask& task, std::int64_t o, V* state, int any_bits) {
  const int bits = B != 0 ? B : any_bits;
  state[bits - 1] = Ops::invert(state[bits - 1]);  // adds 2^(bits-1): no sign any more
  const std::uint32_t* t = task.constants + o * task.levels * bits;
  const auto compare = [&]() __attribute__((always_inline)) {
    V reached = Ops::ones();
    if constexpr (B == 0) {
      for (int b = 0; b < bits; ++b) reached = Ops::at_least(state[b], reached, Ops::splat_half(t[b]));
    } else {
#pragma GCC unroll 20
      for (int b = 0; b < B; ++b) reached = Ops::at_least(state[b], reached, Ops::splat_half(t[b]));
    }
    t += bits;
    return reached;
  };
  std::uint8_t* out = task.out + o * task.planes * task.plane_bytes;
  const V valid = Ops::load(task.valid);
  if (task.thermometer) {
    for (int j = 0; j < task.levels; ++j)
      Ops::store(out + j * task.plane_bytes, Ops::choose(valid, compare(), Ops::splat(task.border[j])));
    return;
  }
  V digit[8];
  for (int k = 0; k < task.planes; ++k) digit[k] = Ops::zero();
  for (int j = 0; j < task.levels; ++j) {
    const V reached = compare();
    // Digit k of the number is the parity of how many multiples of 2^k it has reached.
    for (int k = 0; k < task.planes && (j + 1) % (1 << k) == 0; ++k) digit[k] = Ops::exclusive_or(digit[k], reached);
  }
  for (int k = 0; k < task.planes; ++k) {
    Ops::store(out + k * task.plane_bytes, Ops::choose(valid, digit[k], Ops::splat(task.border[k])));
  }
}

// A count of `bits` planes, two's complement.
template <class Ops, class V = typename Ops::V>
__attribute__((noinline)) void add_and_store(const TileTask& task, std::int64_t o, const V* count, int bits) {
  const std::uint32_t* t = task.constants + o * task.planes;
  std::uint8_t* out = task.out + o * task.planes * task.plane_bytes;
  V carry = Ops::zero();
  for (int b = 0; b < task.planes; ++b, out += task.plane_bytes) {
    V digit = count[b < bits ? b : bits - 1];
    Ops::add(digit, carry, Ops::splat_half(t[b]));
    Ops::store(out, digit);
  }
}

constexpr bool is_count_size(int bits) {
  for (const int sum_bits : kSumBits) {
    for (int g = 1; g <= 4; ++g) {
      if (count_bits(sum_bits, g) == bits) return true;
    }
  }
  return false;
}

// Larger counts have so many inputs that comparing them is little beside counting.
inline constexpr int kMostUnrolled = 13;

template <class Ops, int B = kSumBits[0]>
inline __attribute__((always_inline)) void compare_by_size(const TileTask& task, std::int64_t o, typename Ops::V* state,
                                                           int bits) {
  if constexpr (B <= kMostUnrolled) {
    if constexpr (is_count_size(B)) {
      if (bits == B) return compare_and_store<Ops, B>(task, o, state, bits);
    }
    return compare_by_size<Ops, B + 1>(task, o, state, bits);
  }
  compare_and_store<Ops, 0>(task, o, state, bits);
}

template <class Ops, int G, bool kChained>
__attribute__((noinline)) void finish_bundle(const TileTask& task, const std::uint8_t* bundle, std::int64_t output) {
  using V = typename Ops::V;
  const int bits = count_bits(task.bits, G);
  V counts[G * kMaxBits];
  take_apart<Ops, G, kChained>(reinterpret_cast<const V*>(bundle), task.bits, task.sum_planes, counts, bits);
  for (int g = 0; g < G; ++g) {
    if (task.levels == 0)
      add_and_store<Ops>(task, output + g, counts + g * bits, bits);
    else
      compare_by_size<Ops>(task, output + g, counts + g * bits, bits);
  }
}

// `bundle`: its sums, of task.bits planes each.
template <class Ops>
__attribute__((noinline)) void finish(const TileTask& task, const std::uint8_t* bundle, std::int64_t output,
                                      int outputs) {
  switch (task.rest ? outputs : -outputs) {
    case -2:
      return finish_bundle<Ops, 2, true>(task, bundle, output);
    case -3:
      return finish_bundle<Ops, 3, true>(task, bundle, output);
    case -4:
      return finish_bundle<Ops, 4, true>(task, bundle, output);
    case 2:
      return finish_bundle<Ops, 2, false>(task, bundle, output);
    case 3:
      return finish_bundle<Ops, 3, false>(task, bundle, output);
    case 4:
      return finish_bundle<Ops, 4, false>(task, bundle, output);
    default:
      return finish_bundle<Ops, 1, false>(task, bundle, output);
  }
}

}  // namespace
}  // namespace tern::kernels::bitsliced
