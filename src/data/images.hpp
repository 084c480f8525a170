// Helpers on image lists that readers share.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tern/data.hpp"

namespace tern::data {

/// Of one split, when all of them are in memory.
inline constexpr std::uint64_t kMaxPixelBytes = std::uint64_t{4} << 30;

/// Indices, in order, of the first images of each class so that at most `limit` remain: every class may keep
/// ceil(limit / classes present), and what then is over `limit` goes from the end.
std::vector<std::int64_t> first_of_each_class(std::span<const std::int32_t> labels, std::int64_t limit);

/// Errors: ShapeError if pixels do not fit the labels; FormatError if a label is outside [0, classes).
void check_images(const char* op, const Images& images, std::int64_t classes);

/// `images` where `asked` is 0, else what is asked.
ImageShape asked_shape(ImageShape images, ImageShape asked);

/// What map_images() does with one image; thread-safe.
using ImageMap = std::function<void(std::span<const std::uint8_t> in, std::span<std::uint8_t> out)>;
/// `map` of every image, of which each then has the shape `to`; the labels stay. Of images with a source once they are
/// asked for.
Images map_images(const Images& images, ImageShape to, const ImageMap& map);

}  // namespace tern::data
