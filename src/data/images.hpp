// Helpers on image lists that readers share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tern/data.hpp"

namespace tern::data {

/// Indices, in order, of the first images of each class so that at most `limit` remain: every class may keep
/// ceil(limit / classes present), and what then is over `limit` goes from the end.
std::vector<std::int64_t> first_of_each_class(std::span<const std::int32_t> labels, std::int64_t limit);

/// Errors: ShapeError if pixels do not fit the labels; FormatError if a label is outside [0, classes).
void check_images(const char* op, const Images& images, std::int64_t classes);

}  // namespace tern::data
