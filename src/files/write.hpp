// Writing files: all or nothing, or at the end.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace tern {

/// Writes to a file of a new name beside `path` (NAME.part-XXXXXXXXXXXXXXXX), syncs, renames: afterwards `path` holds
/// either its old content or all of the new one, under its old permissions. A symbolic link stays, and the file that it
/// leads to is the one replaced. Errors: IoError with the path and the system's reason, or that it is no regular file;
/// the new file is removed. IoError also if the folder cannot be synced: `path` is new then, but a crash of the machine
/// may bring the old content back.
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::string& path, std::string_view text);

/// Adds to the end of a file, which it makes if there is none, and syncs. Errors: IoError with the path and the
/// system's reason.
void append_to_file(const std::string& path, std::string_view text);

/// Removes from `folder` what writers left that died over write_file_atomically(); what a living one writes stays.
/// Those that cannot be removed stay as well.
void clear_unfinished_files(const std::string& folder);

}  // namespace tern
