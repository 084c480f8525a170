// Resizing with a triangle filter, cropping, and changing channels.
//
// Output pixel y lies at centre u = (y + 0.5) * scale, scale = in / out, and is the weighted mean of the input pixels i
// with weights max(0, 1 - |i + 0.5 - u| / s), s = max(scale, 1). For s = 1 that is bilinear interpolation; when
// shrinking the triangle widens, so every input pixel counts and nothing aliases. Edges: pixels outside have no weight.
#include "data/resample.hpp"

#include <algorithm>
#include <cmath>

#include "tern/error.hpp"

namespace tern {
namespace data {
namespace {

struct Taps {
  int begin = 0, count = 0;
};

int max_taps(int in, int out) {
  return static_cast<int>(std::ceil(2.0 * std::max(static_cast<double>(in) / out, 1.0))) + 2;
}

/// Weights of output position `y`, written to `weights`.
Taps triangle_taps(int in, int out, int y, float* weights) {
  const double scale = static_cast<double>(in) / out;
  const double s = std::max(scale, 1.0);
  const double u = (y + 0.5) * scale;
  Taps taps;
  taps.begin = std::max(0, static_cast<int>(u - s + 0.5));
  const int end = std::min(in, static_cast<int>(u + s + 0.5));
  taps.count = std::max(end - taps.begin, 1);
  double sum = 0;
  for (int k = 0; k < taps.count; ++k) sum += std::max(0.0, 1.0 - std::abs(taps.begin + k + 0.5 - u) / s);
  for (int k = 0; k < taps.count; ++k) {
    weights[k] = static_cast<float>(std::max(0.0, 1.0 - std::abs(taps.begin + k + 0.5 - u) / s) / sum);
  }
  return taps;
}

}  // namespace

void resize_image(ByteView in, ImageShape shape, int height, int width, std::span<std::uint8_t> out,
                  std::vector<float>& scratch) {
  const auto h = static_cast<std::size_t>(shape.height), w = static_cast<std::size_t>(shape.width);
  const auto out_h = static_cast<std::size_t>(height), out_w = static_cast<std::size_t>(width);
  const auto channels = static_cast<std::size_t>(shape.channels);
  const auto weights_size =
      static_cast<std::size_t>(std::max(max_taps(shape.width, width), max_taps(shape.height, height)));
  scratch.resize(weights_size + channels * h * out_w);
  float* const weights = scratch.data();
  float* const rows = weights + weights_size;  // channels x h x out_w
  for (int x = 0; x < width; ++x) {
    const Taps taps = triangle_taps(shape.width, width, x, weights);
    for (std::size_t row = 0; row < channels * h; ++row) {
      float sum = 0;
      const std::uint8_t* from = in.data() + row * w + static_cast<std::size_t>(taps.begin);
      for (int k = 0; k < taps.count; ++k) sum += weights[k] * static_cast<float>(from[k]);
      rows[row * out_w + static_cast<std::size_t>(x)] = sum;
    }
  }
  for (int y = 0; y < height; ++y) {
    const Taps taps = triangle_taps(shape.height, height, y, weights);
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t x = 0; x < out_w; ++x) {
        float sum = 0;
        const float* from = rows + (c * h + static_cast<std::size_t>(taps.begin)) * out_w + x;
        for (int k = 0; k < taps.count; ++k) sum += weights[k] * from[static_cast<std::size_t>(k) * out_w];
        out[(c * out_h + static_cast<std::size_t>(y)) * out_w + x] =
            static_cast<std::uint8_t>(std::clamp(sum + 0.5f, 0.0f, 255.0f));
      }
    }
  }
}

void check_convertible(const char* op, ImageShape from, ImageShape to) {
  for (const ImageShape s : {from, to}) {
    if ((s.channels != 1 && s.channels != 3 && s.channels != 4) || s.height < 1 || s.width < 1) {
      throw ValueError(std::string("[") + op + "] expected 1, 3 or 4 channels and a positive size; got " +
                       std::to_string(s.channels) + "x" + std::to_string(s.height) + "x" + std::to_string(s.width));
    }
  }
}

namespace {

void convert_channels(ByteView in, int from, int to, std::size_t plane, std::span<std::uint8_t> out) {
  const auto p = [&](std::size_t c, std::size_t i) { return in[c * plane + i]; };
  if (to == 1) {
    for (std::size_t i = 0; i < plane; ++i) out[i] = from == 1 ? p(0, i) : grey_of(p(0, i), p(1, i), p(2, i));
    return;
  }
  for (std::size_t c = 0; c < static_cast<std::size_t>(to); ++c) {
    for (std::size_t i = 0; i < plane; ++i) {
      out[c * plane + i] = c < 3 ? p(from == 1 ? 0 : c, i) : from == 4 ? p(3, i) : std::uint8_t{255};
    }
  }
}

}  // namespace

void fit_image(ByteView in, ImageShape from, ImageShape to, std::span<std::uint8_t> out, FitScratch& scratch) {
  const auto resized = [&](ImageShape s) {
    scratch.a.resize(s.numel());
    resize_image(in, from, s.height, s.width, scratch.a, scratch.floats);
    in = scratch.a;
    from = s;
  };
  if (from.height != to.height || from.width != to.width) {
    // The smallest resize of unchanged aspect that covers the target; for a square one, shorter side to side.
    const double scale =
        std::max(static_cast<double>(to.height) / from.height, static_cast<double>(to.width) / from.width);
    const int h = std::max(to.height, static_cast<int>(std::lround(from.height * scale)));
    const int w = std::max(to.width, static_cast<int>(std::lround(from.width * scale)));
    resized({from.channels, h, w});
    scratch.b.resize(static_cast<std::size_t>(from.channels) * static_cast<std::size_t>(to.height) *
                     static_cast<std::size_t>(to.width));
    crop(in, from, (h - to.height) / 2, (w - to.width) / 2, to.height, to.width, scratch.b);
    in = scratch.b;
    from = {from.channels, to.height, to.width};
  }
  convert_channels(in, from.channels, to.channels,
                   static_cast<std::size_t>(to.height) * static_cast<std::size_t>(to.width), out);
}

}  // namespace data

ImageShape shorter_side_shape(ImageShape shape, int side) {
  const auto longer = [&](int a, int b) {
    return static_cast<int>((static_cast<std::int64_t>(a) * side * 2 + b) / (2 * static_cast<std::int64_t>(b)));
  };
  return shape.height <= shape.width ? ImageShape{shape.channels, side, longer(shape.width, shape.height)}
                                     : ImageShape{shape.channels, longer(shape.height, shape.width), side};
}

void resize(std::span<const std::uint8_t> in, ImageShape shape, int height, int width, std::span<std::uint8_t> out) {
  if (shape.channels < 1 || shape.height < 1 || shape.width < 1 || height < 1 || width < 1 ||
      in.size() != shape.numel() || out.size() != ImageShape{shape.channels, height, width}.numel()) {
    throw ShapeError("[resize] expected buffers of the shapes given; got " + std::to_string(in.size()) + " and " +
                     std::to_string(out.size()) + " bytes");
  }
  std::vector<float> scratch;
  data::resize_image(in, shape, height, width, out, scratch);
}

void crop(std::span<const std::uint8_t> in, ImageShape shape, int top, int left, int height, int width,
          std::span<std::uint8_t> out) {
  if (top < 0 || left < 0 || height < 1 || width < 1 || top > shape.height - height || left > shape.width - width ||
      in.size() != shape.numel() || out.size() != ImageShape{shape.channels, height, width}.numel()) {
    throw ShapeError("[crop] expected a window inside " + std::to_string(shape.height) + "x" +
                     std::to_string(shape.width) + "; got " + std::to_string(height) + "x" + std::to_string(width) +
                     " at " + std::to_string(top) + "," + std::to_string(left));
  }
  const auto in_w = static_cast<std::size_t>(shape.width), w = static_cast<std::size_t>(width);
  std::uint8_t* to = out.data();
  for (int c = 0; c < shape.channels; ++c) {
    for (int y = 0; y < height; ++y) {
      const std::size_t row =
          static_cast<std::size_t>(c) * static_cast<std::size_t>(shape.height) + static_cast<std::size_t>(top + y);
      std::copy_n(in.data() + row * in_w + static_cast<std::size_t>(left), w, to);
      to += w;
    }
  }
}

}  // namespace tern
