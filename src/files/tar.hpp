// Tar archives in memory: ustar, with GNU long names and pax `path` records. Uncompressed only.
#pragma once

#include <string>
#include <vector>

#include "files/bytes.hpp"

namespace tern {

struct TarMember {
  std::string name;
  ByteView bytes;        ///< a view into the archive
  std::uint64_t offset;  ///< where they begin in it
};

/// The regular files of an archive, in its order. Errors: FormatError (path, offset, field) if it is damaged,
/// truncated, compressed, or holds a kind of member that would have to be followed (links) or guessed (sparse files,
/// devices).
std::vector<TarMember> list_tar(ByteView archive, const std::string& path);

}  // namespace tern
