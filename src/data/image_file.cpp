// Single image files, for classifying what somebody has.
#include <filesystem>

#include "data/decode.hpp"
#include "data/images.hpp"
#include "data/layout.hpp"
#include "data/resample.hpp"
#include "data/walk.hpp"
#include "files/read.hpp"
#include "tern/data.hpp"
#include "tern/error.hpp"

namespace tern {

Images read_image(std::span<const std::uint8_t> file, const std::string& name, ImageShape shape) {
  const auto [channels, height, width] = shape;
  if ((channels != 0 && channels != 1 && channels != 3 && channels != 4) || height < 0 || width < 0 ||
      (height == 0) != (width == 0) || height > 16384 || width > 16384) {
    throw ValueError("[read_image] expected 0, 1, 3 or 4 channels, and a height and width or neither; got " +
                     std::to_string(channels) + ", " + std::to_string(height) + ", " + std::to_string(width));
  }
  ImageShape native = data::image_header(file, name, 0);
  native.channels = native.channels >= 3 ? 3 : 1;
  const ImageShape to = data::asked_shape(native, shape);
  data::DecodedImage image = data::decode_image(file, to.channels, name, 0);
  Images out{to.channels, to.height, to.width, {}, {0}};
  if (to == image.shape) {
    out.pixels = std::move(image.pixels);
  } else {
    out.pixels.resize(to.numel());
    data::FitScratch scratch;
    data::fit_image(image.pixels, image.shape, to, out.pixels, scratch);
  }
  return out;
}

Images read_image_file(const std::string& path, ImageShape shape) {
  return read_image(read_file<std::uint8_t>(path), path, shape);
}

FoundImages find_image_files(const std::string& folder) {
  FoundImages out;
  data::Kinds others;
  const data::FolderContent content = data::walk_folder(folder);
  for (const std::string& name : content.files) {
    if (data::is_image_name(name)) {
      out.files.push_back((std::filesystem::path(folder) / name).string());
    } else {
      ++others[data::extension_of(name)];
    }
  }
  if (!others.empty()) out.notes.push_back(data::unread_note(others));
  if (!content.dead_links.empty()) out.notes.push_back(data::dead_links_note(content));
  return out;
}

}  // namespace tern
