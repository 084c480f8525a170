// What follows when the sums of a bundle are complete: take them apart into the counts of its outputs (bundles.hpp),
// compare these with constants and write the codes, or add constants and write the numbers. Included by micro_impl.hpp;
// internal linkage.
#include <cstdint>

#include "kernels/bitsliced/bundles.hpp"
#include "kernels/bitsliced/micro.hpp"

namespace {

using tern::kernels::bitsliced::count_bits;
using tern::kernels::bitsliced::kMaxBits;
using tern::kernels::bitsliced::kSumBits;
using tern::kernels::bitsliced::patterns;
using tern::kernels::bitsliced::TileTask;
using V = Ops::V;

// Sums of G outputs' patterns, of S planes each and `step` vectors apart, to the outputs' counts of B planes:
// count[g] = sum over patterns j of pattern_j[g] * sum_j. Chained: to what the columns have left that continue each
// other.
template <int S, int G, bool kChained, int B>
inline __attribute__((always_inline)) void take_apart(const V* sums, std::int64_t step, V (*count)[B]) {
  constexpr auto kept = [](int b) { return b < S ? b : S - 1; };  // planes above repeat the sign
  if constexpr (G == 1) {
#pragma GCC unroll 20
    for (int b = 0; b < B; ++b) count[0][b] = sums[kept(b)];
  } else {
    constexpr int kFront = patterns(G - 1), kTotal = kChained ? S : S + 2 < B ? S + 2 : B;
    V total[kChained ? 1 : kFront][kTotal], last[B];
    const V* const totals = kChained ? sums + 2 * step : total[0];
#pragma GCC unroll 20
    for (int b = 0; b < B; ++b) last[b] = sums[3 * kFront * step + kept(b)];
    for (int i = 0; i < kFront; ++i, sums += 3 * step) {
      const V *first = sums, *second = sums + step, *third = second + step;
      V saved = Ops::zero(), carry = saved, more = saved, less = Ops::ones(), doubled = saved;
#pragma GCC unroll 20
      for (int b = 0; b < B; ++b) {
        const int at = kept(b);
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
          if (b >= kTotal) continue;
          V sum = third[at], next = first[at];
          Ops::add(sum, next, second[at]);
          Ops::add(sum, saved, carry);
          total[i][b] = sum, carry = saved, saved = next;
        }
      }
    }
#pragma GCC unroll 20
    for (int b = 0; b < B; ++b) count[G - 1][b] = last[b];
    take_apart<kTotal, G - 1, false>(totals, kChained ? 3 * step : kTotal, count);
  }
}

template <int B>
inline __attribute__((always_inline)) void compare_and_store(const TileTask& task, std::int64_t o, V* state) {
  state[B - 1] = Ops::invert(state[B - 1]);  // adds 2^(B-1): no sign any more
  const std::uint32_t* t = task.constants + o * task.levels * B;
  std::uint8_t* out = task.out + o * task.planes * task.plane_bytes;
  const V valid = Ops::load(task.valid);
  if (task.thermometer) {
    for (int j = 0; j < task.levels; ++j, t += B) {
      V reached = Ops::ones();
#pragma GCC unroll 20
      for (int b = 0; b < B; ++b) reached = Ops::at_least(state[b], reached, Ops::splat_half(t[b]));
      Ops::store(out + j * task.plane_bytes, Ops::choose(valid, reached, Ops::splat(task.border[j])));
    }
    return;
  }
  V digit[8];
  for (int k = 0; k < task.planes; ++k) digit[k] = Ops::zero();
  for (int j = 0; j < task.levels; ++j, t += B) {
    V reached = Ops::ones();
#pragma GCC unroll 20
    for (int b = 0; b < B; ++b) reached = Ops::at_least(state[b], reached, Ops::splat_half(t[b]));
    // Digit k of the number is the parity of how many multiples of 2^k it has reached.
    for (int k = 0; k < task.planes && (j + 1) % (1 << k) == 0; ++k) digit[k] = Ops::exclusive_or(digit[k], reached);
  }
  for (int k = 0; k < task.planes; ++k) {
    Ops::store(out + k * task.plane_bytes, Ops::choose(valid, digit[k], Ops::splat(task.border[k])));
  }
}

// A count of `bits` planes, two's complement.
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

template <int S, int G, bool kChained>
__attribute__((noinline)) void finish_bundle(const TileTask& task, const std::uint8_t* bundle, std::int64_t output) {
  constexpr int B = count_bits(S, G);
  V count[G][B];
  take_apart<S, G, kChained>(reinterpret_cast<const V*>(bundle), task.sum_planes, count);
  for (int g = 0; g < G; ++g) {
    if (task.levels == 0)
      add_and_store(task, output + g, count[g], B);
    else
      compare_and_store<B>(task, output + g, count[g]);
  }
}

// `bundle`: its sums, of S planes each.
template <int S>
void finish(const TileTask& task, const std::uint8_t* bundle, std::int64_t output, int outputs) {
  switch (task.rest ? outputs : -outputs) {
    case -2:
      return finish_bundle<S, 2, true>(task, bundle, output);
    case -3:
      return finish_bundle<S, 3, true>(task, bundle, output);
    case -4:
      return finish_bundle<S, 4, true>(task, bundle, output);
    case 2:
      return finish_bundle<S, 2, false>(task, bundle, output);
    case 3:
      return finish_bundle<S, 3, false>(task, bundle, output);
    case 4:
      return finish_bundle<S, 4, false>(task, bundle, output);
    default:
      return finish_bundle<S, 1, false>(task, bundle, output);
  }
}

}  // namespace
