// The kernels of micro.hpp over a class Ops, which each instruction set has in a file of its own:
//   V, load, load_any, store, splat(u64), splat_half(u32), ones, zero, invert     load_any: not aligned
//   add(a, b, c)      full adder; a becomes the sum, b the carry
//   add_inverse(a, b, c)  the same with ~c
//   half(a, b)        half adder: a becomes the sum, b the carry
//   at_least(s, g, t) t ? s & g : s | g
//   choose(m, a, b)   m ? a : b
//   shift_in(l, h, n) in each word, h:l shifted right by n (0..63) bits
//   Half              the same with vectors of half the bytes, or void
#include TERN_OPS

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/packed/bitsliced/columns_impl.hpp"
#include "kernels/packed/bitsliced/micro.hpp"
#include "kernels/packed/bitsliced/numbers_impl.hpp"

namespace tern::kernels::bitsliced {
namespace {

// Taps that find their values in the same words, as the taps of a row do, go together.
template <class Ops>
void fill_panel(const PanelTask& task) {
  using V = typename Ops::V;
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

template <class Ops>
std::uint64_t only_add(std::int64_t rounds) {
  using V = typename Ops::V;
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

template <class Ops>
constexpr const Micro* half_of();

template <class Ops>
constexpr Micro kMicro = {TERN_BODY_NAME,  sizeof(typename Ops::V), half_of<Ops>(), run_tile<Ops>,
                          fill_panel<Ops>, only_add<Ops>,           read_numbers,   compare_row};

template <class Ops>
constexpr const Micro* half_of() {
  if constexpr (std::is_void_v<typename Ops::Half>)
    return nullptr;
  else
    return &kMicro<typename Ops::Half>;
}

}  // namespace

template <>
const Micro& Micro::body<Isa::TERN_BODY>() {
  return kMicro<Ops>;
}

}  // namespace tern::kernels::bitsliced
