// Reading files: whole, or their beginning, within a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tern {

inline constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 34, kMaxTextBytes = std::uint64_t{1} << 28;

/// The whole of a file that somebody named. Links are followed; pipes and the like, which do not say their size, are
/// waited for and read to their end. `Byte`: std::byte or std::uint8_t.
/// Errors (all that read): IoError if the file cannot be opened or read, or memory does not suffice; FormatError if it
/// is larger than `max_bytes`.
template <class Byte = std::byte>
std::vector<Byte> read_file(const std::string& path, std::uint64_t max_bytes = kMaxFileBytes);
std::string read_text_file(const std::string& path, std::uint64_t max_bytes = kMaxTextBytes);

/// The whole of a file that was found in a folder. Errors: IoError also if it is no regular file nor a link to one: a
/// pipe there is not waited for.
template <class Byte = std::byte>
std::vector<Byte> read_regular_file(const std::string& path, std::uint64_t max_bytes = kMaxFileBytes);

/// The first `count` bytes of a file, or all if it has fewer, and its size: enough to refuse it before it is read.
/// Errors: as read_regular_file.
struct FileStart {
  std::vector<std::byte> bytes;
  std::uint64_t file_bytes = 0;
};
FileStart read_file_start(const std::string& path, std::uint64_t count);

/// The whole file if it begins with `magic`, otherwise its first 64 bytes, which are enough for its reader to refuse
/// it. Errors: as read_regular_file.
std::vector<std::byte> read_file_with_magic(const std::string& path, std::string_view magic,
                                            std::uint64_t max_bytes = kMaxFileBytes);

}  // namespace tern
