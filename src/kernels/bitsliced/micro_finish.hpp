// What follows when the sums of a bundle are complete: take them apart into the counts of its outputs (bundles.hpp), compare
// these with constants and write the codes. Included by micro_impl.hpp; internal linkage.
#include <cstdint>

#include "kernels/bitsliced/bundles.hpp"
#include "kernels/bitsliced/micro.hpp"

namespace {

using tern::kernels::bitsliced::kColumnBits;
using tern::kernels::bitsliced::kCountBits;
using tern::kernels::bitsliced::kMaxBits;
using tern::kernels::bitsliced::TileTask;
using V = Ops::V;

// Numbers of a bundle's patterns to counts of its outputs: count[g] = sum over patterns j of pattern_j[g] * sums[j].
template <int B, int G>
void take_apart(const V (*sums)[B], V (*count)[B]) {
  if constexpr (G == 1) {
#pragma GCC unroll 20
    for (int b = 0; b < B; ++b) count[0][b] = sums[0][b];
  } else {
    constexpr int kFront = tern::kernels::bitsliced::patterns(G - 1);
    V total[kFront][B], last[B];
#pragma GCC unroll 20
    for (int b = 0; b < B; ++b) last[b] = sums[3 * kFront][b];
    for (int i = 0; i < kFront; ++i, sums += 3) {
      V saved = Ops::zero(), carry = saved, no_borrow = Ops::ones(), last_carry = saved;
#pragma GCC unroll 20
      for (int b = 0; b < B; ++b) {
        V sum = sums[1][b], next = sums[0][b], difference = next;
        Ops::add(sum, next, sums[2][b]);  // total: three numbers to two, and those to one
        Ops::add(sum, saved, carry);
        total[i][b] = sum, carry = saved, saved = next;
        Ops::add_inverse(difference, no_borrow, sums[2][b]);
        Ops::add(last[b], last_carry, difference);
      }
    }
#pragma GCC unroll 20
    for (int b = 0; b < B; ++b) count[G - 1][b] = last[b];
    take_apart<B, G - 1>(total, count);
  }
}

template <int B>
inline __attribute__((always_inline)) void compare_and_store(const TileTask& task, std::int64_t o, V* state) {
  state[B - 1] = Ops::invert(state[B - 1]);  // adds 2^(B-1): no sign any more
  const std::uint64_t* t = task.constants + o * task.levels * task.count_bits;
  std::uint8_t* out = task.out + o * task.planes * task.plane_bytes;
  const V valid = Ops::load(task.valid);
  if (task.thermometer) {
    for (int j = 0; j < task.levels; ++j, t += task.count_bits) {
      V reached = Ops::ones();
#pragma GCC unroll 20
      for (int b = 0; b < B; ++b) reached = Ops::at_least(state[b], reached, Ops::splat(t[b]));
      Ops::store(out + j * task.plane_bytes, Ops::choose(valid, reached, Ops::splat(task.border[j])));
    }
    return;
  }
  V digit[8];
  for (int k = 0; k < task.planes; ++k) digit[k] = Ops::zero();
  for (int j = 0; j < task.levels; ++j, t += task.count_bits) {
    V reached = Ops::ones();
#pragma GCC unroll 20
    for (int b = 0; b < B; ++b) reached = Ops::at_least(state[b], reached, Ops::splat(t[b]));
    // Digit k of the number is the parity of how many multiples of 2^k it has reached.
    for (int k = 0; k < task.planes && (j + 1) % (1 << k) == 0; ++k) digit[k] = Ops::exclusive_or(digit[k], reached);
  }
  for (int k = 0; k < task.planes; ++k) {
    Ops::store(out + k * task.plane_bytes, Ops::choose(valid, digit[k], Ops::splat(task.border[k])));
  }
}

template <int B>
void finish_bits(const TileTask& task, const std::uint8_t* bundle, std::int64_t output, int outputs) {
  const auto sums = reinterpret_cast<const V(*)[B]>(bundle);
  V count[tern::kernels::bitsliced::kMaxBundle][B];
  switch (outputs) {
    case 1: take_apart<B, 1>(sums, count); break;
    case 2: take_apart<B, 2>(sums, count); break;
    case 3: take_apart<B, 3>(sums, count); break;
    default: take_apart<B, 4>(sums, count);
  }
  for (int g = 0; g < outputs; ++g) compare_and_store<B>(task, output + g, count[g]);
}

// `bundle`: its sums, of task.count_bits planes each.
template <int I = 0>
void finish(const TileTask& task, const std::uint8_t* bundle, std::int64_t output, int outputs) {
  constexpr int B = kCountBits[I];
  if constexpr (B < kMaxBits) {
    if (task.count_bits > B) return finish<I + 1>(task, bundle, output, outputs);
  }
  finish_bits<B>(task, bundle, output, outputs);
}

}  // namespace
