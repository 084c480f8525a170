// Body of run_tile() and fill_panel(), included by each micro_<isa>.cpp after it has defined a class Ops (internal linkage):
//   V, load, load_any, store, splat(u64), ones, zero, invert     load_any: not aligned
//   add(a, b, c)      full adder; a becomes the sum, b the carry
//   half(a, b)        half adder: a becomes the sum, b the carry
//   at_least(s, g, t) t ? s & g : s | g
//   choose(m, a, b)   m ? a : b
//   shift_in(l, h, n) in each word, h:l shifted right by n (0..63) bits
//
// The tree. Four weights bring eight planes; three full adders reduce them to two before the running `ones` joins in, so
// that the chain from one weight to the next is one adder in four weights, not one in each. Carries of each level come
// in fours and go through the same step: three of them into one adder, its sum, the fourth and the running count of the
// level into another. Each full adder takes one plane out of the game, so their number is that of the planes, whatever
// the order; the order only decides how far they wait for each other.
#include <cstdint>

#include "kernels/bitsliced/micro.hpp"

namespace {

using tern::kernels::bitsliced::Run;
using tern::kernels::bitsliced::TileTask;
using V = Ops::V;

struct Two {
  V a, b;
};

// A cursor over a list; kPairs: an entry is two adjacent vectors.
template <bool kPairs>
struct List {
  const std::uint8_t* panel;
  const std::uint16_t* at;

  inline __attribute__((always_inline)) const std::uint8_t* address(int i) const {
    return panel + static_cast<std::uint64_t>(at[i]) * 8;
  }
  inline __attribute__((always_inline)) Two next() {
    if constexpr (kPairs) {
      const std::uint8_t* p = address(0);
      ++at;
      return {Ops::load(p), Ops::load(p + sizeof(V))};
    } else {
      const std::uint8_t *p = address(0), *q = address(1);
      at += 2;
      return {Ops::load(p), Ops::load(q)};
    }
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
    Ops::add(p.a, p.b, q.a);        // p.a sum, p.b carry
    Ops::add(q.b, r.a, r.b);        // q.b sum, r.a carry
    Ops::add(p.a, q.b, s.a);        // p.a sum, q.b carry
    Ops::add(state[0], p.a, s.b);   // p.a carry
    Ops::add(p.b, r.a, q.b);        // level 1: p.b sum, r.a carry
    Ops::add(state[1], p.a, p.b);   // p.a carry
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
  for (; groups >= 4; groups -= 4) {  // 32 entries
    Two c = Tree<4, Source>::add(list, state);
    Ops::add(state[5], c.a, c.b);
    carry_into<B, 6>(state, c.a);
  }
  for (; groups > 0; --groups) {  // 8 entries
    Two c = Tree<2, Source>::add(list, state);
    Ops::add(state[3], c.a, c.b);
    carry_into<B, 4>(state, c.a);
  }
}

template <int B>
inline __attribute__((always_inline)) void invert(V* state) {
#pragma GCC unroll 20
  for (int b = 0; b < B; ++b) state[b] = Ops::invert(state[b]);
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

template <int B, class Source>
void all_outputs(const TileTask& task, Source list) {
  for (std::int64_t o = 0; o < task.outputs; ++o) {
    const Run run = task.runs[o];
    std::uint8_t* count = task.counts + o * task.count_bits * static_cast<std::int64_t>(sizeof(V));
    V state[B];
    if (run.stored == 0) {
#pragma GCC unroll 20
      for (int b = 0; b < B; ++b) state[b] = Ops::zero();
    } else {
      const V sign = Ops::load(count + (run.stored - 1) * static_cast<std::int64_t>(sizeof(V)));
#pragma GCC unroll 20
      for (int b = 0; b < B; ++b) state[b] = b < run.stored ? Ops::load(count + b * static_cast<int>(sizeof(V))) : sign;
      if (run.twice) {
#pragma GCC unroll 20
        for (int b = B - 1; b > 0; --b) state[b] = state[b - 1];
        state[0] = Ops::zero();
      }
    }
    invert<B>(state);
    add_groups<B>(list, run.minus, state);
    invert<B>(state);
    add_groups<B>(list, run.plus, state);
    if (run.last) {
      compare_and_store<B>(task, o, state);
    } else {
#pragma GCC unroll 20
      for (int b = 0; b < B; ++b) Ops::store(count + b * static_cast<int>(sizeof(V)), state[b]);
    }
  }
}

template <class Source>
void by_bits(const TileTask& task, Source list) {
  switch (task.bits) {
    case 8: return all_outputs<8>(task, list);
    case 10: return all_outputs<10>(task, list);
    case 12: return all_outputs<12>(task, list);
    case 14: return all_outputs<14>(task, list);
    default: return all_outputs<20>(task, list);
  }
}

void run_tile(const TileTask& task) {
  if (task.pairs) by_bits(task, List<true>{task.panel, task.list});
  else by_bits(task, List<false>{task.panel, task.list});
}

void fill_panel(const tern::kernels::bitsliced::PanelTask& task) {
  std::uint8_t* to = task.panel;
  for (std::int64_t i = task.begin; i < task.end;) {  // channel by channel
    const std::int64_t c = i / task.count, first = i % task.count;
    const std::int64_t taps = task.end - i < task.count - first ? task.end - i : task.count - first;
    const std::uint8_t* from = task.from + c * task.planes * task.plane_bytes;
    for (int k = 0; k < task.planes; ++k, from += task.plane_bytes) {
      std::int64_t loaded = -1;
      V low = Ops::zero(), high = low;
      for (std::int64_t t = 0; t < taps; ++t) {
        const tern::kernels::bitsliced::Tap tap = task.taps[first + t];
        if (tap.offset != loaded) {  // neighbours in a row mostly share their words
          loaded = tap.offset;
          low = Ops::load_any(from + loaded);
          high = Ops::load_any(from + loaded + 8);
        }
        Ops::store(to + (t * task.planes + k) * static_cast<std::int64_t>(sizeof(V)), Ops::shift_in(low, high, tap.shift));
      }
    }
    i += taps;
    to += taps * task.planes * static_cast<std::int64_t>(sizeof(V));
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
