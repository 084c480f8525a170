// The JSON header of a safetensors file: an object of tensors by name, each with dtype, shape and data_offsets, and
// under
// "__metadata__" an object of strings. It is read event by event: nothing is built but what this form allows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tern/shape.hpp"

namespace tern {

struct SafetensorsEntry {
  std::string name, dtype;
  Shape shape;
  std::uint64_t begin = 0, end = 0;  ///< data_offsets
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  ///< in the order written
  std::map<std::string, std::string> metadata;
};

/// `text` stands at byte 8 of the file. Offsets, shapes and dtypes are believed: whoever knows the file's size checks
/// them. Errors: FormatError with path, byte and tensor if the text is not JSON of the form above, a name or field
/// appears twice, a shape has more than 8 extents, or tensors and metadata are more than 100,000.
SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& path);

/// `name` in quotes, cut after 200 bytes.
std::string quoted_name(const std::string& name);

}  // namespace tern
