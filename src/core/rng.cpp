#include "tern/rng.hpp"

#include <cmath>
#include <numbers>
#include <utility>

#include "tern/error.hpp"

namespace tern {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> x, std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t kMul0 = 0xD2511F53, kMul1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = kMul0 * x[0];
    const std::uint64_t p1 = kMul1 * x[2];
    x = {static_cast<std::uint32_t>(p1 >> 32) ^ x[1] ^ key[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ x[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return x;
}

std::uint32_t Rng::next_u32() {
  const std::uint64_t block = position_ / 4;
  if (block != block_index_) {
    block_ = philox4x32({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                         static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
                        {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
    block_index_ = block;
  }
  return block_[position_++ % 4];
}

std::uint64_t Rng::next_u64() {
  const std::uint64_t low = next_u32();
  return low | (static_cast<std::uint64_t>(next_u32()) << 32);
}

float Rng::uniform() { return static_cast<float>(next_u32() >> 8) * 0x1p-24f; }

std::uint64_t Rng::below(std::uint64_t n) {
  if (n == 0) throw ValueError("[rng.below] expected n >= 1; got 0");
  const std::uint64_t reject_below = (0 - n) % n;
  while (true) {
    const std::uint64_t x = next_u64();
    if (x >= reject_below) return x % n;
  }
}

float Rng::normal() {
  const double u = (static_cast<double>(next_u32()) + 1.0) * 0x1p-32;
  const double v = static_cast<double>(next_u32()) * 0x1p-32;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v));
}

void Rng::shuffle(std::span<std::int64_t> values) {
  for (std::size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[static_cast<std::size_t>(below(i))]);
  }
}

void Rng::set_position(std::uint64_t position) { position_ = position; }

}  // namespace tern
