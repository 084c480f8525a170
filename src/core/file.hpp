// Whole files: bounded reading, and writing that is all or nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tern {

/// Pipes and the like, which do not say their size, are read to their end.
/// Errors (all that read): IoError if the file cannot be opened or read, or memory does not suffice; FormatError if it
/// is larger than `max_bytes`.
std::vector<std::byte> read_file(const std::string& path, std::uint64_t max_bytes = std::uint64_t{1} << 34);
std::string read_text_file(const std::string& path, std::uint64_t max_bytes = std::uint64_t{1} << 28);

/// The first `count` bytes of a file, or all if it has fewer, and its size: enough to refuse it before it is read.
/// Errors: IoError also if it is no regular file.
struct FileStart {
  std::vector<std::byte> bytes;
  std::uint64_t file_bytes = 0;
};
FileStart read_file_start(const std::string& path, std::uint64_t count);
/// The whole file if it begins with `magic`, otherwise its first 64 bytes, which are enough for its reader to refuse
/// it.
std::vector<std::byte> read_file_with_magic(const std::string& path, std::string_view magic,
                                            std::uint64_t max_bytes = std::uint64_t{1} << 34);

/// Writes to a temporary name beside `path`, syncs, renames: afterwards `path` holds either its old content or all of
/// the new one. A symbolic link stays, and the file that it leads to is the one replaced. Errors: IoError with the path
/// and the system's reason, or that it is no regular file; the temporary file is removed.
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::string& path, std::string_view text);

/// Adds to the end of a file, which it makes if there is none, and syncs. Errors: IoError with the path and the
/// system's reason.
void append_to_file(const std::string& path, std::string_view text);

}  // namespace tern
