// Files as bytes, and bounded reads from them: every reader of src/data goes through ByteReader, so that a lying length
// ends in a FormatError with path, offset and field, never in a wild read or a huge allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tern/error.hpp"

namespace tern::data {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// Largest file, or unpacked content, that a reader takes: 4 GiB.
inline constexpr std::uint64_t kMaxFileBytes = std::uint64_t{4} << 30;

/// Reads a regular file whole. Errors: IoError if missing or unreadable; FormatError if over kMaxFileBytes.
Bytes read_file(const std::string& path);

/// Writes through a temporary name in the same folder, syncs, renames. Errors: IoError.
void write_file_atomic(const std::string& path, ByteView bytes);

/// Throws FormatError "[op] path: byte offset: field: detail".
[[noreturn]] void bad_format(const char* op, const std::string& path, std::uint64_t offset, const std::string& field,
                             const std::string& detail);

class ByteReader {
 public:
  ByteReader(ByteView bytes, const char* op, const std::string& path) : bytes_(bytes), op_(op), path_(path) {}

  std::uint8_t u8(const char* field) { return take(1, field)[0]; }
  std::uint32_t u32_big_endian(const char* field);
  /// The next `n` bytes. Errors: FormatError if fewer are left.
  ByteView take(std::uint64_t n, const char* field);
  /// Errors: FormatError if bytes are left over.
  void expect_end() const;
  [[noreturn]] void fail(const std::string& field, const std::string& detail) const;

  std::size_t offset() const { return offset_; }
  std::size_t left() const { return bytes_.size() - offset_; }

 private:
  ByteView bytes_;
  const char* op_;
  const std::string& path_;
  std::size_t offset_ = 0;
};

}  // namespace tern::data
