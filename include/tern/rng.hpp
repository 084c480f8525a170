// Random numbers by counter: Philox4x32-10. The i-th number of a stream is a pure function of (seed, stream, i), so
// what one consumer draws never depends on how much another drew, or on the number of threads. Paper: Salmon, Moraes,
// Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "tern/public.h"

namespace tern {

/// One Philox4x32-10 block: 128 random bits for a 128-bit counter under a 64-bit key.
TERN_PUBLIC std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                    std::array<std::uint32_t, 2> key);

/// A stream of random numbers. Its whole state is three integers, so checkpoints hold it exactly.
class TERN_PUBLIC Rng {
 public:
  Rng() = default;
  /// Streams with different `stream` are independent for the same seed.
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  /// Uniform in [0, 1) with 24 random bits.
  float uniform();
  /// Uniform integer in [0, n), without modulo bias. Errors: ValueError if n == 0.
  std::uint64_t below(std::uint64_t n);
  /// Standard normal (Box-Muller, computed in double).
  float normal();
  /// Fisher-Yates shuffle in place.
  void shuffle(std::span<std::int64_t> values);

  std::uint64_t seed() const { return seed_; }
  std::uint64_t stream() const { return stream_; }
  /// Number of 32-bit words drawn so far; set_position() jumps there in O(1).
  std::uint64_t position() const { return position_; }
  void set_position(std::uint64_t position);

 private:
  std::uint64_t seed_ = 0;
  std::uint64_t stream_ = 0;
  std::uint64_t position_ = 0;
  std::uint64_t block_index_ = ~std::uint64_t{0};
  std::array<std::uint32_t, 4> block_{};
};

}  // namespace tern
