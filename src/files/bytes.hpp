// Bytes of files, and bounded reads from them: a lying length ends in a FormatError with file, offset and field, never
// in a wild read or a huge allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tern {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// "[op] file, byte offset, field: detail"
std::string located(std::string_view op, std::string_view file, std::uint64_t offset, std::string_view field,
                    std::string_view detail);
/// Throws that as FormatError.
[[noreturn]] void bad_format(std::string_view op, std::string_view file, std::uint64_t offset, std::string_view field,
                             std::string_view detail);

/// The number that `bytes`, at most 8 of them, hold in little-endian order.
std::uint64_t little_endian(std::span<const std::byte> bytes);

/// A cursor over a file, or a part of it, that knows where it is. Errors: FormatError where fewer bytes are left than
/// asked for.
class ByteReader {
 public:
  using View = std::span<const std::byte>;
  /// `base`: where `bytes` begin in the file. `op` and `file` must outlive the reader.
  ByteReader(std::string_view op, std::string_view file, View bytes, std::size_t base = 0)
      : op_(op), file_(file), bytes_(bytes), base_(base) {}

  View take(std::uint64_t n, std::string_view field);
  std::uint64_t u64(std::string_view field) { return little_endian(take(8, field)); }
  std::uint32_t u32(std::string_view field) { return static_cast<std::uint32_t>(little_endian(take(4, field))); }
  std::uint16_t u16(std::string_view field) { return static_cast<std::uint16_t>(little_endian(take(2, field))); }
  std::uint8_t u8(std::string_view field) { return static_cast<std::uint8_t>(take(1, field)[0]); }
  std::uint32_t u32_big_endian(std::string_view field);
  std::string text(std::uint64_t n, std::string_view field);

  std::size_t left() const { return bytes_.size() - at_; }
  /// Of the next byte, in the file.
  std::size_t position() const { return base_ + at_; }

  /// What was read last is wrong.
  [[noreturn]] void fail_here(std::string_view field, std::string_view detail) const { fail(last_, field, detail); }
  /// `at`: within the reader's bytes.
  [[noreturn]] void fail(std::size_t at, std::string_view field, std::string_view detail) const {
    bad_format(op_, file_, base_ + at, field, detail);
  }

 private:
  std::string_view op_, file_;
  View bytes_;
  std::size_t base_ = 0, at_ = 0, last_ = 0;
};

}  // namespace tern
