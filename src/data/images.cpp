// Picking images: by index, by class, by seed; and copying them to another shape.
#include "data/images.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "data/resample.hpp"
#include "data/streams.hpp"
#include "tern/error.hpp"
#include "tern/parallel.hpp"
#include "tern/rng.hpp"

namespace tern {
namespace data {

std::vector<std::int64_t> first_of_each_class(std::span<const std::int32_t> labels, std::int64_t limit) {
  const std::set<std::int32_t> present(labels.begin(), labels.end());
  const auto classes = static_cast<std::int64_t>(std::max<std::size_t>(present.size(), 1));
  const std::int64_t share = (limit + classes - 1) / classes;
  std::map<std::int32_t, std::int64_t> kept;
  std::vector<std::int64_t> indices;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (kept[labels[i]]++ < share) indices.push_back(static_cast<std::int64_t>(i));
  }
  if (static_cast<std::int64_t>(indices.size()) > limit) indices.resize(static_cast<std::size_t>(limit));
  return indices;
}

void check_images(const char* op, const Images& images, std::int64_t classes) {
  if (!images.source && images.pixels.size() != images.labels.size() * images.shape().numel()) {
    throw ShapeError(std::string("[") + op + "] expected " + std::to_string(images.count()) + " images of " +
                     std::to_string(images.shape().numel()) + " pixels; got " + std::to_string(images.pixels.size()) +
                     " pixels in all");
  }
  for (std::size_t i = 0; i < images.labels.size(); ++i) {
    if (images.labels[i] < 0 || images.labels[i] >= classes) {
      throw FormatError(std::string("[") + op + "] image " + std::to_string(i) + ": expected a label in [0, " +
                        std::to_string(classes) + "); got " + std::to_string(images.labels[i]));
    }
  }
}

ImageShape asked_shape(ImageShape images, ImageShape asked) {
  return {asked.channels != 0 ? asked.channels : images.channels, asked.height != 0 ? asked.height : images.height,
          asked.width != 0 ? asked.width : images.width};
}

namespace {

class SelectedImages final : public ImageSource {
 public:
  SelectedImages(std::shared_ptr<const ImageSource> from, std::span<const std::int64_t> indices)
      : from_(std::move(from)), indices_(indices.begin(), indices.end()) {}
  void read(std::int64_t i, std::span<std::uint8_t> out) const override { from_->read(at(i), out); }
  std::uint64_t stamp(std::int64_t i) const override { return from_->stamp(at(i)); }

 private:
  std::int64_t at(std::int64_t i) const { return indices_[static_cast<std::size_t>(i)]; }
  std::shared_ptr<const ImageSource> from_;
  std::vector<std::int64_t> indices_;
};

class MappedImages final : public ImageSource {
 public:
  MappedImages(std::shared_ptr<const ImageSource> from, std::size_t numel, ImageMap map)
      : from_(std::move(from)), numel_(numel), map_(std::move(map)) {}
  void read(std::int64_t i, std::span<std::uint8_t> out) const override {
    std::vector<std::uint8_t> in(numel_);
    from_->read(i, in);
    map_(in, out);
  }
  std::uint64_t stamp(std::int64_t i) const override { return from_->stamp(i); }

 private:
  std::shared_ptr<const ImageSource> from_;
  std::size_t numel_;
  ImageMap map_;
};

}  // namespace

Images map_images(const Images& images, ImageShape to, const ImageMap& map) {
  Images out{to.channels, to.height, to.width, {}, images.labels};
  if (images.source) {
    out.source = std::make_shared<MappedImages>(images.source, images.shape().numel(), map);
    return out;
  }
  out.pixels.resize(images.labels.size() * to.numel());
  parallel_ranges(images.count(), 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      map(images.image(i), {out.pixels.data() + static_cast<std::size_t>(i) * to.numel(), to.numel()});
    }
  });
  return out;
}

}  // namespace data

std::span<const std::uint8_t> Images::image(std::int64_t i) const& {
  if (source) throw ValueError("[images] expected images whose pixels are kept; these have a source");
  return {pixels.data() + static_cast<std::size_t>(i) * shape().numel(), shape().numel()};
}

std::span<const std::uint8_t> Images::image(std::int64_t i, std::vector<std::uint8_t>& scratch) const& {
  if (!source) return image(i);
  scratch.resize(shape().numel());
  source->read(i, scratch);
  return scratch;
}

Images kept(Images images) {
  if (!images.source) return images;
  const std::size_t numel = images.shape().numel();
  images.pixels.resize(images.labels.size() * numel);
  parallel_ranges(images.count(), 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      images.source->read(i, {images.pixels.data() + static_cast<std::size_t>(i) * numel, numel});
    }
  });
  images.source.reset();
  return images;
}

Images select_images(const Images& images, std::span<const std::int64_t> indices) {
  Images out{images.channels, images.height, images.width, {}, {}};
  const std::size_t numel = images.shape().numel();
  if (!images.source) out.pixels.reserve(indices.size() * numel);
  out.labels.reserve(indices.size());
  for (const std::int64_t i : indices) {
    if (i < 0 || i >= images.count()) {
      throw ValueError("[select_images] expected an index in [0, " + std::to_string(images.count()) + "); got " +
                       std::to_string(i));
    }
    out.labels.push_back(images.labels[static_cast<std::size_t>(i)]);
    if (images.source) continue;
    const auto image = images.image(i);
    out.pixels.insert(out.pixels.end(), image.begin(), image.end());
  }
  if (images.source) out.source = std::make_shared<data::SelectedImages>(images.source, indices);
  return out;
}

Images convert_images(const Images& images, ImageShape to) {
  data::check_convertible("convert_images", images.shape(), to);
  return data::map_images(images, to, [from = images.shape(), to](auto in, auto out) {
    thread_local data::FitScratch scratch;
    data::fit_image(in, from, to, out, scratch);
  });
}

Split split_train_validation(const Images& images, double fraction, std::uint64_t seed) {
  if (!(fraction >= 0.0 && fraction < 1.0)) {
    throw ValueError("[split_train_validation] expected 0 <= fraction < 1; got " + std::to_string(fraction));
  }
  std::map<std::int32_t, std::vector<std::int64_t>> by_class;
  for (std::size_t i = 0; i < images.labels.size(); ++i) {
    by_class[images.labels[i]].push_back(static_cast<std::int64_t>(i));
  }
  std::vector<bool> held_out(images.labels.size());
  for (auto& [label, members] : by_class) {
    Rng(seed, data::split_stream(label)).shuffle(members);
    const auto n = static_cast<std::size_t>(std::lround(fraction * static_cast<double>(members.size())));
    for (std::size_t k = 0; k < n; ++k) held_out[static_cast<std::size_t>(members[k])] = true;
  }
  std::vector<std::int64_t> train, validation;
  for (std::size_t i = 0; i < held_out.size(); ++i) {
    (held_out[i] ? validation : train).push_back(static_cast<std::int64_t>(i));
  }
  return {select_images(images, train), select_images(images, validation)};
}

}  // namespace tern
