#include "packed/rans.hpp"

#include <algorithm>
#include <array>

namespace tern::packed::rans {
namespace {

// c of each index, and kTotal behind the last.
std::vector<std::uint32_t> starts(std::span<const std::uint32_t> f) {
  std::vector<std::uint32_t> out{0};
  for (const std::uint32_t v : f) out.push_back(out.back() + v);
  return out;
}

}  // namespace

std::vector<std::uint32_t> frequencies(std::span<const std::size_t> counts) {
  std::size_t n = 0;
  for (const std::size_t c : counts) n += c;
  std::vector<std::uint32_t> f;
  std::uint32_t sum = 0;
  for (const std::size_t c : counts) {
    const auto rounded = static_cast<std::uint32_t>((c * kTotal + n / 2) / n);
    f.push_back(c > 0 ? std::max(rounded, 1u) : 0u);
    sum += f.back();
  }
  // What rounding gave or took too much, the most frequent index settles; it has at least 4096 / 256.
  for (; sum > kTotal; --sum) --*std::max_element(f.begin(), f.end());
  for (; sum < kTotal; ++sum) ++*std::max_element(f.begin(), f.end());
  return f;
}

std::vector<std::byte> encode(std::span<const std::uint8_t> indices, std::size_t levels) {
  std::vector<std::size_t> counts(levels, 0);
  for (const std::uint8_t s : indices) ++counts[s];
  const std::vector<std::uint32_t> f = frequencies(counts), start = starts(f);
  std::vector<std::byte> reversed;
  std::uint32_t x = kLow;
  for (std::size_t i = indices.size(); i-- > 0;) {
    const std::size_t s = indices[i];
    // From here on x' would not stay below 256 kLow; 64 bits, since f = kTotal makes the bound 2^31.
    const std::uint64_t limit = std::uint64_t{kLow / kTotal * 256} * f[s];
    for (; x >= limit; x >>= 8) reversed.push_back(static_cast<std::byte>(x & 0xff));
    x = kTotal * (x / f[s]) + start[s] + x % f[s];
  }
  std::vector<std::byte> out;
  for (const std::uint32_t v : f) {
    out.push_back(static_cast<std::byte>(v & 0xff));
    out.push_back(static_cast<std::byte>(v >> 8));
  }
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::byte>(x >> (8 * i) & 0xff));
  out.insert(out.end(), reversed.rbegin(), reversed.rend());
  return out;
}

DecodeProblem decode(std::span<const std::byte> bytes, std::size_t levels, std::span<std::uint8_t> indices) {
  const std::size_t head = 2 * levels + 4;
  if (bytes.size() < head)
    return {
        0, "expected " + std::to_string(head) + " bytes of frequencies and start; got " + std::to_string(bytes.size())};
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
  std::vector<std::uint32_t> f;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < levels; ++i) {
    f.push_back(byte(2 * i) | byte(2 * i + 1) << 8);
    sum += f.back();  // 256 * 65535 at most
  }
  if (sum != kTotal)
    return {0, "expected frequencies that sum up to " + std::to_string(kTotal) + "; got " + std::to_string(sum)};
  const std::vector<std::uint32_t> start = starts(f);
  std::array<std::uint8_t, kTotal> index_at;
  for (std::size_t s = 0; s < levels; ++s)
    std::fill(index_at.begin() + start[s], index_at.begin() + start[s + 1], static_cast<std::uint8_t>(s));

  std::size_t at = 2 * levels;
  std::uint32_t x = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
  if (x < kLow || x >= std::uint64_t{kLow} * 256)
    return {at, "expected a start from 2^23 to below 2^31; got " + std::to_string(x)};
  at += 4;
  for (std::uint8_t& index : indices) {
    const std::uint32_t r = x % kTotal;
    index = index_at[r];
    x = f[index] * (x / kTotal) + r - start[index];
    for (; x < kLow; x = x << 8 | byte(at++)) {
      if (at == bytes.size()) return {at, "expected more bytes of codes (truncated?)"};
    }
  }
  if (x != kLow || at != bytes.size()) return {at, "expected the codes to end where the section ends"};
  return {};
}

}  // namespace tern::packed::rans
