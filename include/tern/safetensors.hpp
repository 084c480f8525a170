// safetensors: named tensors in one file. Layout: u64 little-endian header length, JSON header, tensor bytes.
// Checkpoints use it, and pretrained networks come in it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tern/public.h"
#include "tern/tensor.hpp"

namespace tern {

/// A tensor of a dtype that is not read, such as BOOL: its values are missed only by who asks for them.
struct TERN_PUBLIC UnreadTensor {
  std::string name, dtype;
  Shape shape;
  std::string error;  ///< what they are told: file, byte offset, dtype, and those that are read
};

struct TERN_PUBLIC SafetensorsFile {
  std::vector<NamedTensor> tensors{};             ///< in the order of their bytes
  std::map<std::string, std::string> metadata{};  ///< the "__metadata__" entry
  std::vector<UnreadTensor> unread{};
  /// An undefined tensor if there is none of that name. Errors: FormatError if its dtype is not read.
  Tensor find(const std::string& name) const;
};

/// Reads F32, F64, I64 as they are and F16, BF16 as float32; other dtypes are named in `unread`.
/// Errors: IoError if unreadable; FormatError with path, byte offset and field on a damaged file: a header length
/// beyond the file, JSON that is not of the form, more than 100,000 entries, duplicate names, shapes whose byte count
/// differs from the offsets, offsets outside the file, overlapping or with gaps. Nothing is allocated from a length
/// that was not checked, and the header is checked before the rest of the file is read. Where a file has the checksums
/// that write_safetensors() adds, a tensor, name or text that does not fit its own is refused; they are not in
/// `metadata`.
TERN_PUBLIC SafetensorsFile read_safetensors(const std::string& path);
TERN_PUBLIC SafetensorsFile parse_safetensors(const std::vector<std::byte>& bytes,
                                              const std::string& path_for_messages);

/// Atomic. A CRC-32 goes into "__metadata__" for each tensor ("tern.crc32:NAME") and for the rest of the header
/// ("tern.crc32"), as 8 hexadecimal digits. Errors: IoError; ValueError on duplicate names.
TERN_PUBLIC void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                                   const std::map<std::string, std::string>& metadata = {});

}  // namespace tern
