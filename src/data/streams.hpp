// Numbers of the random streams that this room draws from. The top byte keeps each use apart from the others and from
// the streams of other rooms under the same seed.
#pragma once

#include <cstdint>
#include <string_view>

namespace tern::data {

inline constexpr std::int64_t kMaxEpochs = std::int64_t{1} << 24;
inline constexpr std::int64_t kMaxImages = std::int64_t{1} << 32;

constexpr std::uint64_t order_stream(std::int64_t epoch) {
  return (std::uint64_t{0xD1} << 56) | static_cast<std::uint64_t>(epoch);
}

constexpr std::uint64_t augment_stream(std::int64_t epoch, std::int64_t index) {
  return (std::uint64_t{0xD2} << 56) | (static_cast<std::uint64_t>(epoch) << 32) | static_cast<std::uint64_t>(index);
}

constexpr std::uint64_t split_stream(std::int32_t label) {
  return (std::uint64_t{0xD3} << 56) | static_cast<std::uint32_t>(label);
}

inline constexpr std::uint64_t kSheetStream = std::uint64_t{0xD5} << 56;

/// By name (FNV-1a).
constexpr std::uint64_t test_stream(std::string_view name) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return (std::uint64_t{0xD4} << 56) | (h & ((std::uint64_t{1} << 56) - 1));
}

}  // namespace tern::data
