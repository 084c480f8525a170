// run_tile(): the sums of all columns of a tile, over a class Ops of vector operations.
//
// The tree. Four weights bring eight planes; three full adders reduce them to two before the running `ones` joins in,
// so that the chain from one weight to the next is one adder in four weights, not one in each. Carries of each level
// come in fours and go through the same step: three of them into one adder, its sum, the fourth and the running count
// of the level into another. Each full adder takes one plane out of the game, so their number is that of the planes,
// whatever the order; the order only decides how far they wait for each other.
#pragma once

#include <cstdint>

#include "kernels/packed/bitsliced/finish_impl.hpp"
#include "kernels/packed/bitsliced/micro.hpp"

namespace tern::kernels::bitsliced {
namespace {

// A cursor over a list; kPairs: an entry is two adjacent vectors; kFar: the panel lies in the second-level cache.
template <class TheOps, bool kPairs, bool kFar>
struct List {
  using Ops = TheOps;
  using V = typename Ops::V;
  struct Two {
    V a, b;
  };
  const std::uint8_t* panel;
  const std::uint16_t* at;

  // Two indexed steps of 8: the addressing of x86 has no factor of 16, and shifting first would be one more
  // instruction.
  static_assert(kOffsetUnit == 16);
  struct Address {
    const std::uint8_t* half;
    std::uint64_t offset;
    inline __attribute__((always_inline)) const std::uint8_t* plus(int vectors) const {
      return half + offset * 8 + vectors * static_cast<int>(sizeof(V));
    }
  };
  inline __attribute__((always_inline)) Address address(int i) const {
    Address a{nullptr, at[i]};
    a.half = panel + a.offset * 8;
    asm("" : "+r"(a.half));  // keep the steps apart
    return a;
  }
  inline __attribute__((always_inline)) Two next() {
    constexpr int kEntry = kPairs ? 1 : 2;
    if constexpr (kFar) {  // the cores alone look too few entries ahead
      const Address a = address(kEntry * kAhead);
      __builtin_prefetch(a.plus(0));
      if constexpr (!kPairs)
        __builtin_prefetch(address(kEntry * kAhead + 1).plus(0));
      else if constexpr (2 * sizeof(V) > 64)
        __builtin_prefetch(a.plus(1));
    }
    const Address a = address(0);
    const Two planes{Ops::load(a.plus(0)), Ops::load(kPairs ? a.plus(1) : address(1).plus(0))};
    at += kEntry;
    return planes;
  }
};

// Adds 2^(L+1) entries; state[0 .. L] are the running counts of their levels. Returns two carries of level L + 1.
template <int L, class Source>
struct Tree {
  using Ops = typename Source::Ops;
  static inline __attribute__((always_inline)) typename Source::Two add(Source& list, typename Ops::V* state) {
    auto low = Tree<L - 1, Source>::add(list, state);
    auto high = Tree<L - 1, Source>::add(list, state);
    Ops::add(low.a, low.b, high.a);     // low.a sum, low.b carry
    Ops::add(state[L], high.b, low.a);  // high.b carry
    return {low.b, high.b};
  }
};

// 4 entries, 8 planes.
template <class Source>
struct Tree<1, Source> {
  using Ops = typename Source::Ops;
  static inline __attribute__((always_inline)) typename Source::Two add(Source& list, typename Ops::V* state) {
    auto p = list.next(), q = list.next(), r = list.next(), s = list.next();
    Ops::add(p.a, p.b, q.a);       // p.a sum, p.b carry
    Ops::add(q.b, r.a, r.b);       // q.b sum, r.a carry
    Ops::add(p.a, q.b, s.a);       // p.a sum, q.b carry
    Ops::add(state[0], p.a, s.b);  // p.a carry
    Ops::add(p.b, r.a, q.b);       // level 1: p.b sum, r.a carry
    Ops::add(state[1], p.a, p.b);  // p.a carry
    return {r.a, p.a};
  }
};

// Adds one bit of level From to the count.
template <class Ops, int B, int From>
inline __attribute__((always_inline)) void carry_into(typename Ops::V* state, typename Ops::V carry) {
#pragma GCC unroll 16
  for (int b = From; b < B; ++b) Ops::half(state[b], carry);
}

template <int B, class Source>
inline __attribute__((always_inline)) void add_groups(Source& list, int groups, typename Source::V* state) {
  using Ops = typename Source::Ops;
  static_assert(kGroupPlanes == 8);
  for (; groups >= 4; groups -= 4) {
    auto c = Tree<3, Source>::add(list, state);
    Ops::add(state[4], c.a, c.b);
    carry_into<Ops, B, 5>(state, c.a);
  }
  if ((groups & 2) != 0) {
    auto c = Tree<2, Source>::add(list, state);
    Ops::add(state[3], c.a, c.b);
    carry_into<Ops, B, 4>(state, c.a);
  }
  if ((groups & 1) != 0) {
    auto c = Tree<1, Source>::add(list, state);
    Ops::add(state[2], c.a, c.b);
    carry_into<Ops, B, 3>(state, c.a);
  }
}

template <class Ops, int B>
inline __attribute__((always_inline)) void invert(typename Ops::V* state) {
#pragma GCC unroll 20
  for (int b = 0; b < B; ++b) state[b] = Ops::invert(state[b]);
}

// What a column's sum begins with, unless it continues the one before.
template <class Ops, int B>
inline __attribute__((always_inline)) void begin(const TileTask& task, const Run& run, const std::uint8_t* sum,
                                                 typename Ops::V* state) {
  constexpr auto kBytes = static_cast<std::int64_t>(sizeof(typename Ops::V));
  if (run.stored == 0) {
#pragma GCC unroll 20
    for (int b = 0; b < B; ++b) state[b] = Ops::splat_half(task.start[b]);
    return;
  }
  const auto sign = Ops::load(sum + (run.stored - 1) * kBytes);
#pragma GCC unroll 20
  for (int b = 0; b < B; ++b) state[b] = b < run.stored ? Ops::load(sum + b * kBytes) : sign;
  if (run.twice) {
#pragma GCC unroll 20
    for (int b = B - 1; b > 0; --b) state[b] = state[b - 1];
    state[0] = Ops::zero();
  }
}

template <int B, class Source>
void all_columns(const TileTask& task, Source list) {
  using Ops = typename Source::Ops;
  using V = typename Ops::V;
  constexpr auto kBytes = static_cast<std::int64_t>(sizeof(V));
  std::int64_t output = 0;
  const std::int64_t step = task.sum_planes * kBytes;
  std::uint8_t *sum = task.sums, *bundle = sum;
  V state[B];
#pragma GCC unroll 20
  for (int b = 0; b < B; ++b) state[b] = Ops::zero();
  for (std::int64_t i = 0; i < task.columns; ++i) {
    const Run run = task.runs[i];
    if (!run.continues) begin<Ops, B>(task, run, sum, state);
    for (bool minus = !task.complements;; minus = false) {
      if (minus) invert<Ops, B>(state);
      add_groups<B>(list, minus ? run.minus : run.plus, state);
      if (!minus) break;
      invert<Ops, B>(state);
    }
#pragma GCC unroll 20
    for (int b = 0; b < B; ++b) Ops::store(sum + b * kBytes, state[b]);
    sum += step;
    if (run.closes == 0) continue;
    if (run.last) {
      finish<Ops>(task, bundle, output, run.closes);
#pragma GCC unroll 20
      for (int b = 0; b < B; ++b) state[b] = Ops::zero();  // not to be kept over the call
    }
    output += run.closes;
    if (!task.rest) sum = bundle;
    bundle = sum;
  }
}

template <class Source, int I = 0>
void by_bits(const TileTask& task, Source list) {
  constexpr int B = kSumBits[I];
  if constexpr (B < kMaxBits) {
    if (task.bits > B) return by_bits<Source, I + 1>(task, list);
  }
  all_columns<B>(task, list);
}

// Halves are for small layers and the rests of large ones: they always read ahead, for half the code.
template <class Ops, bool kPairs>
void by_distance(const TileTask& task) {
  if constexpr (!kFewSizes && sizeof(typename Ops::V) == TERN_VECTOR_BYTES) {
    if (!task.far) return by_bits(task, List<Ops, kPairs, false>{task.panel, task.list});
  }
  by_bits(task, List<Ops, kPairs, true>{task.panel, task.list});
}

template <class Ops>
void run_tile(const TileTask& task) {
  task.pairs ? by_distance<Ops, true>(task) : by_distance<Ops, false>(task);
}

}  // namespace
}  // namespace tern::kernels::bitsliced
