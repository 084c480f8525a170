// Zip archives, read from memory: the central directory is believed only where the local headers and the bytes agree.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "files/bytes.hpp"

namespace tern {

struct ZipMember {
  std::string name;
  std::uint64_t offset = 0;  ///< of the member's data in the archive
  std::uint64_t packed = 0, size = 0;
  std::uint32_t crc = 0;
  bool deflated = false;
};
/// The members in the order of the directory. Errors: FormatError, see parse_npz() in tern/numpy.hpp.
std::vector<ZipMember> zip_members(ByteView bytes, const std::string& path);
/// A member's content, checked. Errors: FormatError.
Bytes zip_content(ByteView bytes, const ZipMember& member, const std::string& path);

}  // namespace tern
