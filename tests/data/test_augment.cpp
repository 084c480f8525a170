#include <algorithm>
#include <cmath>

#include "files.hpp"
#include "tern/rng.hpp"

using tern::Augment;
using tern::ImageShape;
using tern::Rng;
using U8 = std::vector<std::uint8_t>;
using F32 = std::vector<float>;

namespace {

const tern::Normalizer& identity() {
  static const tern::Normalizer n(F32{0.0f}, F32{1.0f / 255.0f});
  return n;
}

/// Runs a chain on one grey image under a normaliser that gives pixels back (up to rounding).
F32 run(const char* spec, const U8& image, int height, int width, std::uint64_t stream) {
  const Augment chain = Augment::parse(spec);
  const ImageShape in{1, height, width};
  F32 out(chain.output_shape(in).numel());
  Augment::Scratch scratch;
  Rng rng(1, stream);
  chain.apply(image, in, identity(), rng, out, scratch);
  for (float& v : out) v = std::round(v);
  return out;
}

}  // namespace

TEST_CASE("augment: parse and format", "[data]") {
  CHECK(Augment::parse("").empty());
  CHECK(Augment::parse("none").empty());
  for (const char* spec : {"pad=4,flip,cutout=8", "resize=256,crop=224,flip", "resize=40,center=32"}) {
    CHECK(Augment::parse(spec).format() == spec);
  }
  for (const char* bad : {"pad", "pad=", "pad=0", "pad=-1", "pad=4x", "pad=4097", "flip=1", "rotate=3", "pad=4,,flip",
                          ",", "flip,", "cutout=8,flip", "pad=99999999999999", " flip"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(Augment::parse(bad), ContainsSubstring("[augment] expected steps resize=S"));
  }
  CHECK(Augment::parse("resize=40,center=32").output_shape({3, 100, 50}) == ImageShape{3, 32, 32});
  CHECK(Augment::parse("resize=40").output_shape({3, 100, 50}) == ImageShape{3, 80, 40});
  CHECK_THROWS_AS(Augment::parse("crop=33").output_shape({3, 32, 40}), tern::ValueError);
}

TEST_CASE("pad_crop: every offset, against its definition", "[data]") {
  const U8 in{1, 2, 3, 4, 5, 6};
  const ImageShape shape{1, 2, 3};
  U8 out(6);
  tern::pad_crop(in, shape, 1, 0, 0, out);
  CHECK(out == U8{0, 0, 0, 0, 1, 2});
  tern::pad_crop(in, shape, 1, 1, 1, out);
  CHECK(out == in);
  tern::pad_crop(in, shape, 1, 2, 2, out);
  CHECK(out == U8{5, 6, 0, 0, 0, 0});
  constexpr int kPad = 4;  // more than the image is high
  for (int top = 0; top <= 2 * kPad; ++top) {
    for (int left = 0; left <= 2 * kPad; ++left) {
      tern::pad_crop(in, shape, kPad, top, left, out);
      for (int y = 0; y < 2; ++y) {
        for (int x = 0; x < 3; ++x) {
          const int sy = y + top - kPad, sx = x + left - kPad;
          const bool inside = sy >= 0 && sy < 2 && sx >= 0 && sx < 3;
          CAPTURE(top, left, y, x);
          CHECK(out[static_cast<std::size_t>(y * 3 + x)] == (inside ? in[static_cast<std::size_t>(sy * 3 + sx)] : 0));
        }
      }
    }
  }
  CHECK_THROWS_AS(tern::pad_crop(in, shape, 1, 3, 0, out), tern::ShapeError);
}

TEST_CASE("flip, crop, cutout: golden values", "[data]") {
  U8 two{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  tern::flip_horizontal(two, {2, 2, 3});
  CHECK(two == U8{3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10});
  U8 window(4);
  tern::crop(two, {2, 2, 3}, 1, 1, 1, 2, window);
  CHECK(window == U8{5, 4, 11, 10});
  CHECK_THROWS_AS(tern::crop(two, {2, 2, 3}, 0, 2, 1, 2, window), tern::ShapeError);
  CHECK_THROWS_AS(tern::crop(two, {2, 2, 3}, -1, 0, 1, 2, window), tern::ShapeError);

  F32 image(16, 1.0f);
  tern::cutout(image, {1, 4, 4}, 2, 0, 3);  // rows -1..0, columns 2..3: clipped above
  CHECK(image == F32{1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  tern::cutout(image, {1, 4, 4}, 3, 3, 0);  // rows 2..3 (4 clipped), columns 0..1 (-1 clipped)
  CHECK(image == F32{1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1});
  tern::cutout(image, {1, 4, 4}, 100, 1, 1);
  CHECK(image == F32(16, 0.0f));
}

TEST_CASE("resize: triangle filter, golden values", "[data]") {
  U8 out(4);
  tern::resize(U8{0, 100}, {1, 1, 2}, 1, 4, out);
  CHECK(out == U8{0, 25, 75, 100});
  out.resize(2);
  tern::resize(U8{0, 0, 100, 100}, {1, 1, 4}, 1, 2, out);  // 100 * 0.25 / 1.75 and 100 * 1.5 / 1.75
  CHECK(out == U8{14, 86});
  tern::resize(U8{0, 0, 100, 100}, {1, 4, 1}, 2, 1, out);
  CHECK(out == U8{14, 86});
  out.resize(9);
  tern::resize(U8{1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 3, 3}, 3, 3, out);
  CHECK(out == U8{1, 2, 3, 4, 5, 6, 7, 8, 9});
  const U8 flat(3 * 37 * 23, 201);
  out.resize(3 * 11 * 50);
  tern::resize(flat, {3, 37, 23}, 11, 50, out);
  CHECK(out == U8(out.size(), 201));
  CHECK_THROWS_AS(tern::resize(flat, {3, 37, 23}, 11, 49, out), tern::ShapeError);
}

TEST_CASE("augment: draws, and each branch reached", "[data]") {
  const U8 image{10, 20, 30, 40, 50, 60, 70, 80, 90};
  bool flipped = false, kept = false;
  for (std::uint64_t stream = 0; stream < 32; ++stream) {
    const F32 got = run("flip", image, 3, 3, stream);
    const F32 same{10, 20, 30, 40, 50, 60, 70, 80, 90}, mirrored{30, 20, 10, 60, 50, 40, 90, 80, 70};
    CHECK((got == same || got == mirrored));
    CHECK((got == mirrored) == ((Rng(1, stream).next_u32() & 1u) != 0));
    flipped = flipped || got == mirrored;
    kept = kept || got == same;

    Rng rng(1, stream);
    const int top = static_cast<int>(rng.below(3)), left = static_cast<int>(rng.below(3));
    U8 padded(9);
    tern::pad_crop(image, {1, 3, 3}, 1, top, left, padded);
    CHECK(run("pad=1", image, 3, 3, stream) == F32(padded.begin(), padded.end()));

    Rng again(1, stream);
    const int y = static_cast<int>(again.below(3)), x = static_cast<int>(again.below(3));
    F32 holed(image.begin(), image.end());
    tern::cutout(holed, {1, 3, 3}, 2, y, x);
    CHECK(run("cutout=2", image, 3, 3, stream) == holed);
  }
  CHECK(flipped);
  CHECK(kept);
  CHECK(run("center=1", image, 3, 3, 0) == F32{50});
  CHECK(run("center=2", image, 3, 3, 0) == F32{10, 20, 40, 50});
  CHECK(run("crop=3", image, 3, 3, 0) == run("none", image, 3, 3, 0));
  // Every position of a random crop turns up.
  std::vector<F32> seen;
  for (std::uint64_t stream = 0; stream < 200; ++stream) {
    const F32 got = run("crop=2", image, 3, 3, stream);
    if (std::find(seen.begin(), seen.end(), got) == seen.end()) seen.push_back(got);
  }
  CHECK(seen.size() == 4);
}

TEST_CASE("augment: padding is pixel 0, the hole is the mean", "[data]") {
  const tern::Normalizer norm(F32{0.5f}, F32{0.25f});
  const U8 image(16, 255);
  const Augment chain = Augment::parse("pad=2,cutout=2");
  Augment::Scratch scratch;
  bool black = false, hole = false, white = false;
  for (std::uint64_t stream = 0; stream < 20; ++stream) {
    Rng rng(3, stream);
    F32 out(16);
    chain.apply(image, {1, 4, 4}, norm, rng, out, scratch);
    for (const float v : out) {
      CHECK((v == -2.0f || v == 0.0f || v == 2.0f));
      black = black || v == -2.0f;
      hole = hole || v == 0.0f;
      white = white || v == 2.0f;
    }
  }
  CHECK((black && hole && white));
}

TEST_CASE("normalizer: the float expression, bit for bit", "[data]") {
  const F32 mean{0.4914f, 0.4822f, 0.4465f}, std{0.2470f, 0.2435f, 0.2616f};
  const tern::Normalizer norm(mean, std);
  REQUIRE(norm.channels() == 3);
  U8 image(3 * 256);
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i);
  F32 out(image.size());
  norm.apply(image, {3, 16, 16}, out);
  for (std::size_t i = 0; i < image.size(); ++i) {
    const std::size_t c = i / 256;
    const volatile float scaled = static_cast<float>(image[i]) / 255.0f;
    const volatile float centred = scaled - mean[c];
    CHECK(out[i] == centred / std[c]);
  }
  CHECK_THROWS_AS(norm.apply(image, {1, 16, 48}, out), tern::ShapeError);
  CHECK_THROWS_AS(tern::Normalizer(F32{0.5f}, F32{}), tern::ValueError);
  CHECK_THROWS_AS(tern::Normalizer(F32{0.5f}, F32{0.0f}), tern::ValueError);
  CHECK_THROWS_AS(tern::Normalizer(F32{NAN}, F32{1.0f}), tern::ValueError);
}
