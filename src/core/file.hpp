// Whole files: bounded reading, and writing that is all or nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tern {

/// Errors: IoError if the file cannot be opened or read; FormatError if it is larger than `max_bytes`.
std::vector<std::byte> read_file(const std::string& path, std::uint64_t max_bytes = std::uint64_t{1} << 34);
std::string read_text_file(const std::string& path, std::uint64_t max_bytes = std::uint64_t{1} << 28);

/// Writes to a temporary name beside `path`, syncs, renames: afterwards `path` holds either its old content or all of the
/// new one. Errors: IoError with the path and the system's reason; the temporary file is removed.
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::string& path, std::string_view text);

}  // namespace tern
