// Normalizer: the float expression, evaluated once for each byte value.
#include <cmath>

#include "tern/data.hpp"
#include "tern/error.hpp"

namespace tern {

Normalizer::Normalizer(std::span<const float> mean, std::span<const float> std) {
  if (mean.size() != std.size() || mean.empty()) {
    throw ValueError("[normalizer] expected as many means as stds, at least one; got " + std::to_string(mean.size()) +
                     " and " + std::to_string(std.size()));
  }
  table_.reserve(mean.size() * 256);
  for (std::size_t c = 0; c < mean.size(); ++c) {
    if (!std::isfinite(mean[c]) || !std::isfinite(std[c]) || std[c] <= 0.0f) {
      throw ValueError("[normalizer] channel " + std::to_string(c) + ": expected a finite mean and a std > 0; got " +
                       std::to_string(mean[c]) + " and " + std::to_string(std[c]));
    }
    for (int p = 0; p < 256; ++p) table_.push_back((static_cast<float>(p) / 255.0f - mean[c]) / std[c]);
  }
}

void Normalizer::apply(std::span<const std::uint8_t> image, ImageShape shape, std::span<float> out) const {
  if (shape.channels != channels() || image.size() != shape.numel() || out.size() != shape.numel()) {
    throw ShapeError("[normalizer] expected " + std::to_string(channels()) + " channels and one float a pixel; got " +
                     std::to_string(shape.channels) + " channels, " + std::to_string(image.size()) + " pixels, " +
                     std::to_string(out.size()) + " floats");
  }
  const std::size_t plane = static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width);
  for (int c = 0; c < shape.channels; ++c) {
    const float* values = table_.data() + 256 * static_cast<std::size_t>(c);
    const std::size_t base = static_cast<std::size_t>(c) * plane;
    for (std::size_t i = 0; i < plane; ++i) out[base + i] = values[image[base + i]];
  }
}

}  // namespace tern
