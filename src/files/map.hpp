// A file's bytes without a copy of them: mapped read-only for as long as the object lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "files/read.hpp"

namespace tern {

/// Whoever shortens the file meanwhile ends the process (SIGBUS): files are replaced by renaming, as our writer does.
class MappedFile {
 public:
  /// A regular file or a link to one. Where the system maps nothing (an empty file, /proc) its bytes are read.
  /// Errors: as read_regular_file().
  explicit MappedFile(const std::string& path, std::uint64_t max_bytes = kMaxFileBytes);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
  std::vector<std::byte> read_;
  bool mapped_ = false;
};

}  // namespace tern
