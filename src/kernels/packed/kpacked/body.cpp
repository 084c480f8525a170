// The inner loops of micro.hpp over a class Ops of vector operations:
//   V            a vector of kLanes64 words           load, broadcast, zero, add64 (word-wise sum)
//   match        nz & ~(x ^ s)
//   agreeing     11 in the pairs of bits of a word that are equal, 00 in the others
//   count        population count, per byte if kBytes, else per word
//   widen        per-word sums of bytes
//   add8         byte-wise sum
//   add_low      to[lane] += (low 32 bits of word) << shift, modulo 2^32
// kTile: output pixels a pass. Beside Ops the file defines threshold() and threshold_floats().
#include TERN_OPS

#include <cstdint>
#include <cstring>

#include "kernels/packed/kpacked/micro.hpp"

namespace tern::kernels::kpacked {
namespace {

using i64 = std::int64_t;

constexpr int kVecs = 8 / Ops::kLanes64;

inline std::uint64_t load_word(const std::uint8_t* p) {
  std::uint64_t w;
  std::memcpy(&w, p, 8);
  return w;
}

template <int T>
inline void clear(typename Ops::V (&sums)[T][kVecs]) {
  for (int t = 0; t < T; ++t)
    for (int v = 0; v < kVecs; ++v) sums[t][v] = Ops::zero();
}

// Adds the counts of chunks begin .. end - 1 to sums[pixel][vector], or to bytes likewise. Derive: nz from s.
template <int T, bool Derive>
inline void add_chunks(const std::uint8_t* const (&x)[T], i64 plane, const std::int32_t* offsets, i64 begin, i64 end,
                       const std::uint64_t* w, typename Ops::V (&sums)[T][kVecs]) {
  for (i64 i = begin; i < end; ++i) {
    const i64 at = plane + offsets[i];
    const std::uint64_t* wi = w + i * (Derive ? 8 : 16);
    for (int v = 0; v < kVecs; ++v) {
      const typename Ops::V s = Ops::load(wi + v * Ops::kLanes64);
      typename Ops::V nz;
      if constexpr (Derive)
        nz = Ops::agreeing(s);
      else
        nz = Ops::load(wi + 8 + v * Ops::kLanes64);
      for (int t = 0; t < T; ++t) {
        const typename Ops::V c = Ops::count(Ops::match(Ops::broadcast(load_word(x[t] + at)), s, nz));
        if constexpr (Ops::kBytes)
          sums[t][v] = Ops::add8(sums[t][v], c);
        else
          sums[t][v] = Ops::add64(sums[t][v], c);
      }
    }
  }
}

// Adds the counts of all chunks of one weight digit and one plane to sums[pixel][vector].
template <int T, bool Derive>
inline void add_counts(const std::uint8_t* const (&x)[T], i64 plane, const std::int32_t* offsets, i64 chunks,
                       const std::uint64_t* w, typename Ops::V (&sums)[T][kVecs]) {
  if constexpr (Ops::kBytes) {
    constexpr i64 kRun = 31;  // a byte counts at most 8 a chunk, so 31 chunks fit before it must be widened
    for (i64 begin = 0; begin < chunks; begin += kRun) {
      typename Ops::V bytes[T][kVecs];
      clear<T>(bytes);
      add_chunks<T, Derive>(x, plane, offsets, begin, chunks - begin < kRun ? chunks : begin + kRun, w, bytes);
      for (int t = 0; t < T; ++t)
        for (int v = 0; v < kVecs; ++v) sums[t][v] = Ops::add64(sums[t][v], Ops::widen(bytes[t][v]));
    }
  } else {
    add_chunks<T, Derive>(x, plane, offsets, 0, chunks, w, sums);
  }
}

template <int T, bool Derive>
void tile(const Task& task, const std::int32_t* pixels, std::int32_t* acc) {
  const std::uint8_t* x[T];
  for (int t = 0; t < T; ++t) {
    x[t] = task.x + pixels[t];
    std::memcpy(acc + 8 * t, task.correction, 8 * sizeof(std::int32_t));
  }
  const int groups = task.thermometer ? 1 : task.planes, together = task.thermometer ? task.planes : 1;
  for (int d = 0; d < task.digits; ++d) {
    const std::uint64_t* w = task.weights + d * task.chunks * 16;
    for (int g = 0; g < groups; ++g) {
      typename Ops::V sums[T][kVecs];
      clear<T>(sums);
      for (int k = g; k < g + together; ++k) {
        add_counts<T, Derive>(x, k * task.plane_bytes, task.offsets, task.chunks, w, sums);
      }
      for (int t = 0; t < T; ++t)
        for (int v = 0; v < kVecs; ++v) Ops::add_low(sums[t][v], d + g, acc + 8 * t + v * Ops::kLanes64);
    }
  }
}

template <bool Derive>
void accumulate_tiles(const Task& task, i64 pixels, std::int32_t* acc) {
  const std::int32_t* at = task.pixels;
  constexpr int T = Ops::kTile;
  for (; pixels >= T; pixels -= T, at += T, acc += T * 8) tile<T, Derive>(task, at, acc);
  if constexpr (T > 4) {
    for (; pixels >= 4; pixels -= 4, at += 4, acc += 4 * 8) tile<4, Derive>(task, at, acc);
  }
  if constexpr (T > 2) {
    for (; pixels >= 2; pixels -= 2, at += 2, acc += 2 * 8) tile<2, Derive>(task, at, acc);
  }
  for (; pixels > 0; --pixels, ++at, acc += 8) tile<1, Derive>(task, at, acc);
}
void accumulate(const Task& task, i64 pixels, std::int32_t* acc) { accumulate_tiles<false>(task, pixels, acc); }
void accumulate_derived(const Task& task, i64 pixels, std::int32_t* acc) { accumulate_tiles<true>(task, pixels, acc); }

constexpr Micro kMicro = {TERN_BODY_NAME, accumulate, accumulate_derived, threshold, threshold_floats};

}  // namespace

template <>
const Micro& Micro::body<Isa::TERN_BODY>() {
  return kMicro;
}

}  // namespace tern::kernels::kpacked
