// Augment: parsing the chain and running it. Byte steps first, then normalisation, then the hole.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "data/resample.hpp"
#include "tern/data.hpp"
#include "tern/error.hpp"
#include "tern/rng.hpp"

namespace tern {
namespace {

using Kind = Augment::Step::Kind;

struct KnownStep {
  std::string_view name;
  Kind kind;
  bool takes_value;
};
constexpr std::array kKnown{KnownStep{"resize", Kind::kResize, true}, KnownStep{"pad", Kind::kPad, true},
                            KnownStep{"crop", Kind::kCrop, true},     KnownStep{"center", Kind::kCenter, true},
                            KnownStep{"flip", Kind::kFlip, false},    KnownStep{"cutout", Kind::kCutout, true}};
constexpr int kMaxValue = 4096;

[[noreturn]] void bad_step(std::string_view step, std::string_view spec) {
  throw ValueError(
      "[augment] expected steps resize=S, pad=P, crop=S, center=S, flip, cutout=L (1 to 4096, cutout "
      "last) joined by ','; got \"" +
      std::string(step) + "\" in \"" + std::string(spec) + "\"");
}

Augment::Step parse_step(std::string_view text, std::string_view spec) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const auto known = std::find_if(kKnown.begin(), kKnown.end(), [&](const KnownStep& k) { return k.name == name; });
  if (known == kKnown.end() || known->takes_value != (equals != std::string_view::npos)) bad_step(text, spec);
  Augment::Step step{known->kind, 0};
  if (known->takes_value) {
    const std::string_view digits = text.substr(equals + 1);
    const char* const end = digits.data() + digits.size();
    const auto [stopped, error] = std::from_chars(digits.data(), end, step.value);
    if (error != std::errc() || stopped != end || step.value < 1 || step.value > kMaxValue) bad_step(text, spec);
  }
  return step;
}

int draw(Rng& rng, int n) { return static_cast<int>(rng.below(static_cast<std::uint64_t>(n))); }

}  // namespace

Augment Augment::parse(std::string_view spec) {
  Augment chain;
  if (spec.empty() || spec == "none") return chain;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = std::min(spec.find(',', begin), spec.size());
    const std::string_view text = spec.substr(begin, end - begin);
    if (!chain.steps_.empty() && chain.steps_.back().kind == Kind::kCutout) bad_step(text, spec);
    chain.steps_.push_back(parse_step(text, spec));
    if (end == spec.size()) return chain;
    begin = end + 1;
  }
}

std::string Augment::format() const {
  std::string text;
  for (const Step& s : steps_) {
    const auto known = std::find_if(kKnown.begin(), kKnown.end(), [&](const KnownStep& k) { return k.kind == s.kind; });
    text += (text.empty() ? "" : ",") + std::string(known->name);
    if (known->takes_value) text += "=" + std::to_string(s.value);
  }
  return text;
}

ImageShape Augment::output_shape(ImageShape shape) const {
  for (const Step& s : steps_) {
    if (s.kind == Kind::kResize) shape = shorter_side_shape(shape, s.value);
    if (s.kind != Kind::kCrop && s.kind != Kind::kCenter) continue;
    if (s.value > shape.height || s.value > shape.width) {
      throw ValueError("[augment] expected crops that fit; got a crop of " + std::to_string(s.value) + " from " +
                       std::to_string(shape.height) + "x" + std::to_string(shape.width));
    }
    shape.height = shape.width = s.value;
  }
  return shape;
}

Augment Augment::evaluation() const {
  Augment chain;
  for (const Step& s : steps_) {
    if (s.kind == Kind::kResize) chain.steps_.push_back(s);
    if (s.kind == Kind::kCrop || s.kind == Kind::kCenter) chain.steps_.push_back({Kind::kCenter, s.value});
  }
  return chain;
}

std::span<const std::uint8_t> Augment::transform(std::span<const std::uint8_t> image, ImageShape& in, Rng& rng,
                                                 Scratch& scratch) const {
  if (image.size() != in.numel()) {
    throw ShapeError("[augment] expected " + std::to_string(in.numel()) + " pixels; got " +
                     std::to_string(image.size()));
  }
  std::vector<std::uint8_t>* spare = &scratch.a;
  std::vector<std::uint8_t>* used = &scratch.b;
  // Runs a step that writes a new image of shape `to` into the spare buffer, then makes that the image.
  const auto replace = [&](ImageShape to, auto&& step) {
    spare->resize(to.numel());
    step(std::span<std::uint8_t>(*spare));
    image = *spare;
    in = to;
    std::swap(spare, used);
  };
  for (const Step& s : steps_) {
    switch (s.kind) {
      case Kind::kResize: {
        const ImageShape to = shorter_side_shape(in, s.value);
        replace(to, [&](auto dst) { data::resize_image(image, in, to.height, to.width, dst, scratch.rows); });
        break;
      }
      case Kind::kPad: {
        const int top = draw(rng, 2 * s.value + 1), left = draw(rng, 2 * s.value + 1);
        replace(in, [&](auto dst) { pad_crop(image, in, s.value, top, left, dst); });
        break;
      }
      case Kind::kCrop:
      case Kind::kCenter: {
        if (s.value > in.height || s.value > in.width) output_shape(in);
        const int free_y = in.height - s.value, free_x = in.width - s.value;
        const bool random = s.kind == Kind::kCrop;
        const int top = random ? draw(rng, free_y + 1) : free_y / 2;
        const int left = random ? draw(rng, free_x + 1) : free_x / 2;
        replace({in.channels, s.value, s.value}, [&](auto dst) { crop(image, in, top, left, s.value, s.value, dst); });
        break;
      }
      case Kind::kFlip:
        if ((rng.next_u32() & 1u) != 0) {
          replace(in, [&](auto dst) {
            std::copy(image.begin(), image.end(), dst.begin());
            flip_horizontal(dst, in);
          });
        }
        break;
      case Kind::kCutout:
        break;
    }
  }
  return image;
}

void Augment::apply(std::span<const std::uint8_t> image, ImageShape in, const Normalizer& normalizer, Rng& rng,
                    std::span<float> out, Scratch& scratch) const {
  image = transform(image, in, rng, scratch);
  normalizer.apply(image, in, out);
  if (!steps_.empty() && steps_.back().kind == Kind::kCutout) {
    const int y = draw(rng, in.height), x = draw(rng, in.width);
    cutout(out, in, steps_.back().value, y, x);
  }
}

void pad_crop(std::span<const std::uint8_t> in, ImageShape shape, int pad, int top, int left,
              std::span<std::uint8_t> out) {
  if (in.size() != shape.numel() || out.size() != in.size() || pad < 0 || top < 0 || left < 0 || top > 2 * pad ||
      left > 2 * pad) {
    throw ShapeError("[pad_crop] expected equal buffers and offsets in [0, " + std::to_string(2 * pad) + "]; got " +
                     std::to_string(top) + ", " + std::to_string(left));
  }
  const int h = shape.height, w = shape.width, dy = top - pad, dx = left - pad;
  const int x_begin = std::min(std::max(0, -dx), w), x_end = std::max(std::min(w, w - dx), x_begin);
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  for (int c = 0; c < shape.channels; ++c) {
    for (int y = std::max(0, -dy); y < std::min(h, h - dy); ++y) {
      const auto to = (static_cast<std::ptrdiff_t>(c) * h + y) * w;
      const auto from = (static_cast<std::ptrdiff_t>(c) * h + y + dy) * w + dx;
      for (int x = x_begin; x < x_end; ++x)
        out[static_cast<std::size_t>(to + x)] = in[static_cast<std::size_t>(from + x)];
    }
  }
}

void flip_horizontal(std::span<std::uint8_t> image, ImageShape shape) {
  const auto w = static_cast<std::ptrdiff_t>(shape.width);
  for (auto row = image.begin(); row != image.end(); row += w) std::reverse(row, row + w);
}

void cutout(std::span<float> image, ImageShape shape, int length, int y, int x) {
  const auto w = static_cast<std::size_t>(shape.width);
  const int top = std::max(0, y - length / 2), bottom = std::min(shape.height, y - length / 2 + length);
  const int left = std::max(0, x - length / 2), right = std::min(shape.width, x - length / 2 + length);
  for (int c = 0; c < shape.channels; ++c) {
    for (int row = top; row < bottom; ++row) {
      const auto at = static_cast<std::size_t>(c * shape.height + row) * w;
      std::fill(image.begin() + static_cast<std::ptrdiff_t>(at) + left,
                image.begin() + static_cast<std::ptrdiff_t>(at) + std::max(left, right), 0.0f);
    }
  }
}

}  // namespace tern
