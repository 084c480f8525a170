// Body of run_tile() and fill_panel(), included by each micro_<isa>.cpp after it has defined a class Ops (internal
// linkage):
//   V, load, load_any, store, splat(u64), splat_half(u32), ones, zero, invert     load_any: not aligned
//   add(a, b, c)      full adder; a becomes the sum, b the carry
//   add_inverse(a, b, c)  the same with ~c
//   half(a, b)        half adder: a becomes the sum, b the carry
//   at_least(s, g, t) t ? s & g : s | g
//   choose(m, a, b)   m ? a : b
//   shift_in(l, h, n) in each word, h:l shifted right by n (0..63) bits
//
// The tree. Four weights bring eight planes; three full adders reduce them to two before the running `ones` joins in,
// so that the chain from one weight to the next is one adder in four weights, not one in each. Carries of each level
// come in fours and go through the same step: three of them into one adder, its sum, the fourth and the running count
// of the level into another. Each full adder takes one plane out of the game, so their number is that of the planes,
// whatever the order; the order only decides how far they wait for each other.
#include <algorithm>
#include <cstdint>

#include "kernels/bitsliced/micro.hpp"
#include "kernels/bitsliced/micro_finish.hpp"
#include "kernels/bitsliced/micro_numbers.hpp"

namespace {

using tern::kernels::bitsliced::Run;

struct Two {
  V a, b;
};

// A cursor over a list; kPairs: an entry is two adjacent vectors; kFar: the panel lies in the second-level cache;
// kBySign: a column has two lists.
template <bool kPairs, bool kFar, bool kBySign>
struct List {
  static constexpr bool kTwoLists = kBySign;
  const std::uint8_t* panel;
  const std::uint16_t* at;

  // Two indexed steps of 8: the addressing of x86 has no factor of 16, and shifting first would be one more
  // instruction.
  static_assert(tern::kernels::bitsliced::kOffsetUnit == 16);
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
      const Address a = address(kEntry * tern::kernels::bitsliced::kAhead);
      __builtin_prefetch(a.plus(0));
      if constexpr (!kPairs)
        __builtin_prefetch(address(kEntry * tern::kernels::bitsliced::kAhead + 1).plus(0));
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
  static inline __attribute__((always_inline)) Two add(Source& list, V* state) {
    Two low = Tree<L - 1, Source>::add(list, state);
    Two high = Tree<L - 1, Source>::add(list, state);
    Ops::add(low.a, low.b, high.a);     // low.a sum, low.b carry
    Ops::add(state[L], high.b, low.a);  // high.b carry
    return {low.b, high.b};
  }
};

// 4 entries, 8 planes.
template <class Source>
struct Tree<1, Source> {
  static inline __attribute__((always_inline)) Two add(Source& list, V* state) {
    Two p = list.next(), q = list.next(), r = list.next(), s = list.next();
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
template <int B, int From>
inline __attribute__((always_inline)) void carry_into(V* state, V carry) {
#pragma GCC unroll 16
  for (int j = From; j < B; ++j) Ops::half(state[j], carry);
}

template <int B, class Source>
inline __attribute__((always_inline)) void add_groups(Source& list, int groups, V* state) {
  static_assert(tern::kernels::bitsliced::kGroupPlanes == 8);
  for (; groups >= 4; groups -= 4) {
    Two c = Tree<3, Source>::add(list, state);
    Ops::add(state[4], c.a, c.b);
    carry_into<B, 5>(state, c.a);
  }
  if ((groups & 2) != 0) {
    Two c = Tree<2, Source>::add(list, state);
    Ops::add(state[3], c.a, c.b);
    carry_into<B, 4>(state, c.a);
  }
  if ((groups & 1) != 0) {
    Two c = Tree<1, Source>::add(list, state);
    Ops::add(state[2], c.a, c.b);
    carry_into<B, 3>(state, c.a);
  }
}

template <int B>
inline __attribute__((always_inline)) void invert(V* state) {
#pragma GCC unroll 20
  for (int b = 0; b < B; ++b) state[b] = Ops::invert(state[b]);
}

// What a column's sum begins with, unless it continues the one before.
template <int B>
inline __attribute__((always_inline)) void begin(const TileTask& task, const Run& run, const std::uint8_t* sum,
                                                 V* state) {
  constexpr auto kBytes = static_cast<std::int64_t>(sizeof(V));
  if (run.stored == 0) {
#pragma GCC unroll 20
    for (int b = 0; b < B; ++b) state[b] = Ops::splat_half(task.start[b]);
    return;
  }
  const V sign = Ops::load(sum + (run.stored - 1) * kBytes);
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
  constexpr auto kBytes = static_cast<std::int64_t>(sizeof(V));
  std::int64_t output = 0;
  const std::int64_t step = task.sum_planes * kBytes;
  std::uint8_t *sum = task.sums, *bundle = sum;
  V state[B];
#pragma GCC unroll 20
  for (int b = 0; b < B; ++b) state[b] = Ops::zero();
  for (std::int64_t i = 0; i < task.columns; ++i) {
    const Run run = task.runs[i];
    if (!run.continues) begin<B>(task, run, sum, state);
    if constexpr (Source::kTwoLists) {
      invert<B>(state);
      add_groups<B>(list, run.minus, state);
      invert<B>(state);
    }
    add_groups<B>(list, run.plus, state);
#pragma GCC unroll 20
    for (int b = 0; b < B; ++b) Ops::store(sum + b * kBytes, state[b]);
    sum += step;
    if (run.closes == 0) continue;
    if (run.last) {
      finish<B>(task, bundle, output, run.closes);
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

template <bool kPairs, bool kBySign>
void by_distance(const TileTask& task) {
  if constexpr (!tern::kernels::bitsliced::kFewSizes) {
    if (!task.far) return by_bits(task, List<kPairs, false, kBySign>{task.panel, task.list});
  }
  by_bits(task, List<kPairs, true, kBySign>{task.panel, task.list});
}

template <bool kPairs>
void by_panel(const TileTask& task) {
  task.complements ? by_distance<kPairs, false>(task) : by_distance<kPairs, true>(task);
}

void run_tile(const TileTask& task) { task.pairs ? by_panel<true>(task) : by_panel<false>(task); }

// Taps that find their values in the same words, as the taps of a row do, go together.
void fill_panel(const tern::kernels::bitsliced::PanelTask& task) {
  constexpr auto kBytes = static_cast<std::int64_t>(sizeof(V));
  const std::int64_t complement = task.planes * kBytes, step = (task.complements ? 2 : 1) * complement;
  for (std::int64_t first = 0, stop = 0; first < task.count; first = stop) {
    while (stop < task.count && task.taps[stop].offset == task.taps[first].offset) ++stop;
    for (std::int64_t c = task.begin / task.count; c * task.count + first < task.end; ++c) {
      const std::int64_t from_tap = std::max(first, task.begin - c * task.count),
                         to_tap = std::min(stop, task.end - c * task.count);
      const std::uint8_t* from = task.from + c * task.planes * task.plane_bytes + task.taps[first].offset;
      std::uint8_t* plane = task.panel + (c * task.count - task.begin) * step;
      for (int k = 0; k < task.planes; ++k, from += task.plane_bytes, plane += kBytes) {
        const V low = Ops::load_any(from), high = Ops::load_any(from + 8);
        for (std::int64_t t = from_tap; t < to_tap; ++t) {
          const V values = Ops::shift_in(low, high, task.taps[t].shift);
          Ops::store(plane + t * step, values);
          if (task.complements) Ops::store(plane + t * step + complement, Ops::invert(values));
        }
      }
    }
  }
}

std::uint64_t only_add(std::int64_t rounds) {
  V sum[8], carry[8], c = Ops::zero();
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) sum[i] = carry[i] = Ops::splat(static_cast<std::uint64_t>(rounds + i));
  for (; rounds > 0; --rounds) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) Ops::add(sum[i], carry[i], sum[(i + 3) % 8]);  // three different operands, as in a tree
  }
  for (int i = 0; i < 8; ++i) c = Ops::exclusive_or(c, Ops::exclusive_or(sum[i], carry[i]));
  alignas(64) std::uint8_t bytes[sizeof(V)];
  Ops::store(bytes, c);
  std::uint64_t word;
  __builtin_memcpy(&word, bytes, sizeof word);
  return word;
}

}  // namespace
