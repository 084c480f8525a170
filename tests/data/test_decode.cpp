// Image files to pixels: PNM by its own reader, the others by stb_image, photos turned upright.
#include "data/decode.hpp"
#include "files.hpp"

using files::Bytes;
using files::bytes_of;
using tern::ImageShape;

namespace {

tern::data::DecodedImage decoded(const Bytes& file, int channels = 1) {
  return tern::data::decode_image(file, channels, "f", 0);
}

Bytes pnm(const std::string& header, const Bytes& raster) {
  Bytes out = bytes_of(header);
  files::append(out, raster);
  return out;
}

/// With an EXIF segment of one entry in front.
Bytes with_exif(const Bytes& jpeg, std::uint16_t tag, std::uint16_t type, std::uint16_t value, bool big) {
  Bytes tiff;
  const auto put = [&](std::uint32_t v, int bytes) {
    for (int i = 0; i < bytes; ++i) tiff.push_back(static_cast<std::uint8_t>(v >> 8 * (big ? bytes - 1 - i : i)));
  };
  put(big ? 0x4D4D : 0x4949, 2);
  put(42, 2);
  put(8, 4);
  put(1, 2);
  put(tag, 2);
  put(type, 2);
  put(1, 4);
  put(value, type == 3 ? 2 : 4);
  put(0, 4);
  Bytes out{0xff, 0xd8, 0xff, 0xe1, 0, static_cast<std::uint8_t>(2 + 6 + tiff.size())};
  files::append(out, Bytes{'E', 'x', 'i', 'f', 0, 0});
  files::append(out, tiff);
  files::append(out, files::ByteView(jpeg).subspan(2));
  return out;
}

/// One value a block of 8 x 8.
std::vector<int> blocks(const tern::data::DecodedImage& image) {
  std::vector<int> out;
  for (int y = 0; y < image.shape.height; y += 8) {
    for (int x = 0; x < image.shape.width; x += 8)
      out.push_back(image.pixels[static_cast<std::size_t>(y * image.shape.width + x)]);
  }
  return out;
}

Bytes bmp_of_four() {
  Bytes bmp = bytes_of("BM");
  const auto put = [&](std::uint32_t v, int bytes) {
    for (int i = 0; i < bytes; ++i) bmp.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
  };
  for (const std::uint32_t v : {54u + 16u, 0u, 54u, 40u, 2u, 2u}) put(v, 4);
  put(1, 2);
  put(24, 2);
  for (int i = 0; i < 6; ++i) put(0, 4);
  files::append(bmp, Bytes{1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0});  // bottom row first, blue first
  return bmp;
}

/// Two pictures of two pixels each.
Bytes gif_of_two() {
  Bytes gif = bytes_of("GIF89a");
  files::append(gif, Bytes{2, 0, 1, 0, 0x81, 0, 0, 10, 20, 30, 40, 50, 60, 0, 0, 0, 0, 0, 0});
  for (const std::uint8_t codes : Bytes{0x44, 0x0c}) {
    files::append(gif, Bytes{0x2c, 0, 0, 0, 0, 2, 0, 1, 0, 0, 2, 2, codes, 0x0a, 0});
  }
  gif.push_back(0x3b);
  return gif;
}

}  // namespace

TEST_CASE("decode: PNM of every kind", "[data]") {
  CHECK(decoded(bytes_of("P1 3 2\n0 1 0\n110")).pixels == Bytes{255, 0, 255, 0, 0, 255});
  CHECK(decoded(bytes_of("P2 # words\n2 1 # more\n15\n0 15\n")).pixels == Bytes{0, 255});
  CHECK(decoded(bytes_of("P3 1 2 255  1 2 3\n4 5 6"), 3).pixels == Bytes{1, 4, 2, 5, 3, 6});
  CHECK(decoded(pnm("P4\n10 2\n", {0b10100000, 0b01000000, 0b11111111, 0b11000000})).pixels ==
        Bytes{0, 255, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(decoded(pnm("P5 2 2 255\n", {'#', ' ', 0, 255})).pixels == Bytes{'#', ' ', 0, 255});
  CHECK(decoded(pnm("P6\r1 1\t255 ", {9, 8, 7}), 3).pixels == Bytes{9, 8, 7});
  CHECK(decoded(pnm("P6 1 1 255 ", {255, 0, 0})).pixels == Bytes{76});
}

TEST_CASE("decode: PNM samples are shares of maxval, the high byte first", "[data]") {
  CHECK(decoded(pnm("P5 2 2 65535\n", {0x80, 0, 0, 0xff, 0xff, 0xff, 0, 0})).pixels == Bytes{128, 1, 255, 0});
  CHECK(decoded(pnm("P6 1 1 65535\n", {0x80, 0, 0, 0xff, 0xff, 0xff}), 3).pixels == Bytes{128, 1, 255});
  CHECK(decoded(pnm("P5 3 1 100\n", {0, 50, 100})).pixels == Bytes{0, 128, 255});
  CHECK(decoded(pnm("P5 2 1 1000\n", {3, 232, 1, 244})).pixels == Bytes{255, 128});
  CHECK_THROWS_WITH(decoded(pnm("P5 2 1 100\n", {0, 101})), ContainsSubstring("expected at most 100; got 101"));
}

TEST_CASE("decode: PNM that is cut short or damaged is refused", "[data]") {
  CHECK_THROWS_WITH(
      decoded(pnm("P5 60 60 255\n", {1, 2})),
      ContainsSubstring("byte 15") && ContainsSubstring("expected 3600 bytes or more for 60 x 60 pixels"));
  CHECK_THROWS_AS(decoded(pnm("P4 9 2\n", {1, 2, 3})), tern::FormatError);
  CHECK_THROWS_AS(decoded(pnm("P5 2 1 65535\n", {1, 2, 3})), tern::FormatError);
  for (const char* bad : {"P1 2 1 0", "P1 2 1 02", "P2 2 1 255 7 x", "P2 2 1 255 7", "P2 0 1 255 7", "P2 1 0 255 7",
                          "P2 1 1 0 0", "P2 1 1 65536 0", "P2 -1 1 255 0", "P5 1 1 255", "P5 1 1 255x", "P5 1 99999 9 ",
                          "P2 1 1 255 99999999999999999999", "P2", "P5 ", "P5 1", "P3 1 1 255 1 2"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(decoded(bytes_of(bad)), tern::FormatError);
  }
  CHECK_THROWS_AS(tern::data::image_header(pnm("P5 60 60 255\n", {1, 2}), "f", 0), tern::FormatError);
}

TEST_CASE("decode: a JPEG is turned the way its EXIF says", "[data]") {
  // Upright, in blocks:  1 2 3
  //                      4 5 6     stored so that row 0 and column 0 lie where the tag says.
  const std::vector<std::vector<int>> stored{{1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1},
                                             {4, 5, 6, 1, 2, 3}, {1, 4, 2, 5, 3, 6}, {3, 6, 2, 5, 1, 4},
                                             {6, 3, 5, 2, 4, 1}, {4, 1, 5, 2, 6, 3}};
  const std::vector<int> upright{10, 20, 30, 40, 50, 60};
  for (std::uint16_t o = 1; o <= 8; ++o) {
    std::vector<int> values;
    for (const int v : stored[o - 1u]) values.push_back(10 * v);
    const Bytes plain = o <= 4 ? files::jpeg(values, 3, 2) : files::jpeg(values, 2, 3);
    for (const bool big : {false, true}) {
      CAPTURE(o, big);
      const Bytes file = with_exif(plain, 0x112, 3, o, big);
      CHECK(tern::data::image_header(file, "f", 0) == ImageShape{1, 16, 24});
      CHECK(blocks(decoded(file)) == upright);
      CHECK(blocks(decoded(with_exif(plain, 0x112, 4, o, big))) == upright);
      CHECK(decoded(file, 3).shape == ImageShape{3, 16, 24});
    }
    CHECK(blocks(decoded(plain)) == values);
  }
}

TEST_CASE("decode: EXIF that makes no sense leaves the picture as it is", "[data]") {
  const std::vector<int> values{10, 20, 30, 40, 50, 60};
  const Bytes plain = files::jpeg(values, 3, 2);
  for (const int o : {0, 9, 65535})
    CHECK(blocks(decoded(with_exif(plain, 0x112, 3, static_cast<std::uint16_t>(o), true))) == values);
  CHECK(blocks(decoded(with_exif(plain, 0x113, 3, 6, false))) == values);
  CHECK(blocks(decoded(with_exif(plain, 0x112, 2, 6, false))) == values);
  const Bytes turned = with_exif(plain, 0x112, 3, 6, false);
  CHECK(decoded(turned).shape == ImageShape{1, 24, 16});
  for (std::size_t i = 2; i < 6 + 6 + 8 + 2 + 12; ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      Bytes broken = turned;
      broken[i] = static_cast<std::uint8_t>(broken[i] ^ flip);
      try {
        decoded(broken);
      } catch (const tern::FormatError&) {
      }
    }
  }
}

TEST_CASE("decode: BMP, and the first picture of a GIF", "[data]") {
  CHECK(decoded(bmp_of_four(), 3).pixels == Bytes{9, 12, 3, 6, 8, 11, 2, 5, 7, 10, 1, 4});
  CHECK(decoded(gif_of_two(), 3).pixels == Bytes{10, 40, 20, 50, 30, 60});
  const files::TempDir dir;
  for (const Bytes& file : {bmp_of_four(), gif_of_two()}) {
    files::check_flips(file, dir / "f", [path = dir / "f"] { tern::read_image_file(path); });
  }
}

TEST_CASE("decode: a file that ends before its picture does is refused", "[data]") {
  const Bytes jpeg = files::jpeg({10, 20, 30, 40, 50, 60}, 3, 2);
  for (std::size_t n = 0; n < jpeg.size(); ++n) {
    CAPTURE(n);
    CHECK_THROWS_AS(decoded(Bytes(jpeg.begin(), jpeg.begin() + static_cast<std::ptrdiff_t>(n))), tern::FormatError);
  }
  CHECK_THROWS_WITH(decoded(Bytes(jpeg.begin(), jpeg.end() - 4)), ContainsSubstring("end: expected its marker"));
  Bytes more = jpeg;  // what cameras put behind
  files::append(more, Bytes(100, 7));
  CHECK_NOTHROW(decoded(more));
  for (const Bytes& whole : {bmp_of_four(), gif_of_two()}) {
    for (std::size_t n = 0; n < whole.size(); ++n) {
      CAPTURE(n);
      // A GIF is read to the end of its first picture.
      const bool enough = whole[0] == 'G' && n >= 40;
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
      if (enough)
        CHECK_NOTHROW(decoded(part));
      else
        CHECK_THROWS_AS(decoded(part), tern::FormatError);
    }
  }
}

TEST_CASE("decode: what another format is, is said", "[data]") {
  const auto refused = [](std::string_view bytes, const char* text) {
    CHECK_THROWS_WITH(decoded(bytes_of(bytes)), ContainsSubstring(text));
  };
  refused("RIFF\x20\x20\x20\x20WEBPVP8 ", "got WebP, which other programs convert");
  refused(std::string_view("II*\0\x08\0\0\0", 8), "got TIFF");
  refused(std::string_view("\0\0\0\x18"
                           "ftypheic",
                           12),
          "got HEIC");
  refused("", "got an empty file");
  refused("words", "expected a JPEG, PNG, BMP, GIF or PNM image; got ");
}

TEST_CASE("decode: pictures of 48 megapixels are read, claims of more than a file can hold are not", "[data]") {
  const auto photo = decoded(pnm("P4 8000 6000\n", Bytes(6'000'000, 0xff)));
  CHECK(photo.shape == ImageShape{1, 6000, 8000});
  CHECK(photo.pixels.back() == 0);
  CHECK_THROWS_WITH(decoded(files::png(4, 4, 0, Bytes(16), 16385, 4)), ContainsSubstring("16384 a side"));
  CHECK_THROWS_WITH(decoded(files::png(4, 4, 0, Bytes(16), 16384, 16384)), ContainsSubstring("bytes can hold"));
  CHECK_THROWS_WITH(decoded(files::png(4, 4, 0, Bytes(16), 6000, 6000)), ContainsSubstring("bytes can hold"));
}
