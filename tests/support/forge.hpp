// Packed files as an attacker makes them: whatever bytes, but every checksum, offset and size that guards them fits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "files/crc32.hpp"

namespace tern::testing {

using Bytes = std::vector<std::byte>;

inline std::uint64_t get(std::span<const std::byte> f, std::size_t at, std::size_t n) {
  std::uint64_t v = 0;
  for (std::size_t i = n; i-- > 0;) v = v << 8 | static_cast<std::uint64_t>(f[at + i]);
  return v;
}
inline void put(Bytes& f, std::size_t at, std::uint64_t v, std::size_t n = 4) {
  for (std::size_t i = 0; i < n; ++i) f[at + i] = static_cast<std::byte>(v >> (8 * i) & 0xff);
}

/// Bytes of the table entry that begins at `at`, or nothing if it reaches past `end`.
inline std::optional<std::size_t> entry_bytes(std::span<const std::byte> f, std::size_t at, std::size_t end) {
  std::size_t n = 21;  // kind, offset, size, checksum
  if (at + n > end) return std::nullopt;
  if (get(f, at, 1) != 3) return n;
  n += 8;  // kind of numbers, code book, rank
  if (at + n > end) return std::nullopt;
  n += 8 * get(f, at + n - 1, 1) + 2;
  if (at + n > end) return std::nullopt;
  n += get(f, at + n - 2, 2);
  if (at + n > end) return std::nullopt;
  return n;
}

/// Makes the checksums of header, table and file fit, and those of the sections as far as they can be found. At least
/// 52 bytes.
inline void repair(Bytes& f) {
  const std::span<const std::byte> all(f);
  const std::uint64_t table = std::min<std::uint64_t>(get(f, 24, 8), f.size() - 48);
  std::size_t at = 48;
  for (std::uint64_t i = 0, n = get(f, 12, 4); i < n && at + 21 <= 48 + table; ++i) {
    const std::uint64_t offset = get(f, at + 1, 8), size = get(f, at + 9, 8);
    if (offset <= f.size() && size <= f.size() - offset) put(f, at + 17, tern::crc32(all.subspan(offset, size)));
    const auto bytes = entry_bytes(f, at, 48 + table);
    if (!bytes) break;
    at += *bytes;
  }
  put(f, 32, tern::crc32(all.subspan(48, table)));
  put(f, 44, tern::crc32(all.first(44)));
  put(f, f.size() - 4, tern::crc32(all.first(f.size() - 4)));
}

/// A file taken apart: the entries of its table, each with its section.
struct Parts {
  struct Part {
    Bytes entry, data;
  };
  Bytes header;
  std::vector<Part> parts;

  static std::optional<Parts> of(const Bytes& f) {
    if (f.size() < 52) return std::nullopt;
    const std::uint64_t table = get(f, 24, 8);
    if (table > f.size() - 52) return std::nullopt;
    Parts out{Bytes(f.begin(), f.begin() + 48), {}};
    for (std::size_t at = 48; at < 48 + table;) {
      const auto bytes = entry_bytes(f, at, 48 + table);
      if (!bytes) return std::nullopt;
      const std::uint64_t offset = get(f, at + 1, 8), size = get(f, at + 9, 8);
      if (offset > f.size() || size > f.size() - offset) return std::nullopt;
      const auto begin = f.begin() + static_cast<std::ptrdiff_t>(at),
                 data = f.begin() + static_cast<std::ptrdiff_t>(offset);
      out.parts.push_back({Bytes(begin, begin + static_cast<std::ptrdiff_t>(*bytes)),
                           Bytes(data, data + static_cast<std::ptrdiff_t>(size))});
      at += *bytes;
    }
    return out;
  }

  /// Puts them together again, with offsets, sizes and checksums of what is there now.
  Bytes file() const {
    const auto aligned = [](std::size_t n) { return (n + 7) / 8 * 8; };
    std::size_t table = 0;
    for (const Part& p : parts) table += p.entry.size();
    Bytes f = header;
    std::size_t offset = aligned(48 + table);
    for (const Part& p : parts) {
      const std::size_t at = f.size();
      f.insert(f.end(), p.entry.begin(), p.entry.end());
      put(f, at + 1, offset, 8);
      put(f, at + 9, p.data.size(), 8);
      offset = aligned(offset + p.data.size());
    }
    f.resize(aligned(48 + table));
    for (const Part& p : parts) {
      f.insert(f.end(), p.data.begin(), p.data.end());
      f.resize(aligned(f.size()));
    }
    f.resize(f.size() + 4);
    put(f, 12, parts.size());
    put(f, 16, f.size(), 8);
    put(f, 24, table, 8);
    repair(f);
    return f;
  }
};

}  // namespace tern::testing
