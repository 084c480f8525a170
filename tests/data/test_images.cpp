#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "files.hpp"

using files::Bytes;
using tern::Images;
using tern::ImageShape;

namespace {

Images small_images() {
  // Three images of 1 x 2 x 2.
  return {1, 2, 2, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {2, 0, 1}};
}

}  // namespace

TEST_CASE("select_images", "[data]") {
  const Images got = tern::select_images(small_images(), std::vector<std::int64_t>{2, 2, 0});
  CHECK(got.pixels == Bytes{9, 10, 11, 12, 9, 10, 11, 12, 1, 2, 3, 4});
  CHECK(got.labels == std::vector<std::int32_t>{1, 1, 2});
  CHECK_THROWS_AS(tern::select_images(small_images(), std::vector<std::int64_t>{3}), tern::ValueError);
  CHECK_THROWS_AS(tern::select_images(small_images(), std::vector<std::int64_t>{-1}), tern::ValueError);
}

TEST_CASE("split_train_validation: balanced, disjoint, by seed", "[data]") {
  Images images{1, 1, 1, {}, {}};
  for (int i = 0; i < 110; ++i) {
    images.pixels.push_back(static_cast<std::uint8_t>(i));
    images.labels.push_back(i < 100 ? i % 2 : 2);
  }
  const tern::Split split = tern::split_train_validation(images, 0.1, 5);
  CHECK(split.train.count() == 99);
  CHECK(split.validation.count() == 11);
  std::map<std::int32_t, int> held;
  for (const std::int32_t label : split.validation.labels) ++held[label];
  CHECK(held == std::map<std::int32_t, int>{{0, 5}, {1, 5}, {2, 1}});
  std::set<std::uint8_t> all(split.train.pixels.begin(), split.train.pixels.end());
  all.insert(split.validation.pixels.begin(), split.validation.pixels.end());
  CHECK(all.size() == 110);
  CHECK(std::is_sorted(split.train.pixels.begin(), split.train.pixels.end()));
  CHECK(tern::split_train_validation(images, 0.1, 5).validation.pixels == split.validation.pixels);
  CHECK(tern::split_train_validation(images, 0.1, 6).validation.pixels != split.validation.pixels);
  CHECK(tern::split_train_validation(images, 0.0, 5).validation.count() == 0);
  CHECK_THROWS_AS(tern::split_train_validation(images, 1.0, 5), tern::ValueError);
  CHECK_THROWS_AS(tern::split_train_validation(images, -0.1, 5), tern::ValueError);
}

TEST_CASE("convert_images: channels", "[data]") {
  const Images grey{1, 1, 2, {10, 200}, {0}};
  CHECK(tern::convert_images(grey, {3, 1, 2}).pixels == Bytes{10, 200, 10, 200, 10, 200});
  CHECK(tern::convert_images(grey, {4, 1, 2}).pixels == Bytes{10, 200, 10, 200, 10, 200, 255, 255});
  const Images rgb{3, 1, 2, {255, 0, 0, 255, 0, 1}, {0}};
  // 0.299 * 255 = 76.2, 0.587 * 255 + 0.114 = 149.8
  CHECK(tern::convert_images(rgb, {1, 1, 2}).pixels == Bytes{76, 150});
  const Images rgba{4, 1, 1, {1, 2, 3, 4}, {0}};
  CHECK(tern::convert_images(rgba, {3, 1, 1}).pixels == Bytes{1, 2, 3});
  CHECK(tern::convert_images(rgba, {4, 1, 1}).pixels == Bytes{1, 2, 3, 4});
  CHECK_THROWS_AS(tern::convert_images(rgba, {2, 1, 1}), tern::ValueError);
  CHECK_THROWS_AS(tern::convert_images(rgba, {3, 0, 1}), tern::ValueError);
}

TEST_CASE("convert_images: shorter side, then the centre", "[data]") {
  // 1 x 2 x 6, columns 0 10 20 30 40 50; to 2 x 2 needs no scaling: the middle columns.
  const Images wide{1, 2, 6, {0, 10, 20, 30, 40, 50, 0, 10, 20, 30, 40, 50}, {1}};
  CHECK(tern::convert_images(wide, {1, 2, 2}).pixels == Bytes{20, 30, 20, 30});
  CHECK(tern::convert_images(wide, {1, 2, 2}).labels == wide.labels);
  const Images tall{1, 6, 2, {0, 0, 10, 10, 20, 20, 30, 30, 40, 40, 50, 50}, {1}};
  CHECK(tern::convert_images(tall, {1, 2, 2}).pixels == Bytes{20, 20, 30, 30});
  CHECK(tern::convert_images(tall, {1, 1, 1}).shape() == ImageShape{1, 1, 1});
  CHECK(tern::convert_images(tall, {3, 5, 7}).pixels.size() == 105);
}

TEST_CASE("summarize and describe", "[data]") {
  const tern::ImagesSummary s = tern::summarize(small_images(), 4);
  CHECK(s.count == 3);
  CHECK(s.per_class == std::vector<std::int64_t>{1, 1, 1, 0});
  CHECK(s.mean[0] == Approx(6.5 / 255));
  CHECK(s.std[0] == Approx(std::sqrt(143.0 / 12) / 255));
  tern::Dataset set;
  set.name = "toy";
  set.source = "here";
  set.class_names = {"a", "b", "c"};
  set.train = set.test = small_images();
  set.mean = set.std = {0.5f};
  const std::string text = tern::describe(set);
  for (const char* part : {"toy", "here", "3 x 1 x 2 x 2", "0.5000", "    2      1      1  c"}) {
    CHECK_THAT(text, ContainsSubstring(part));
  }
}

TEST_CASE("contact_sheet: a PNG that reads back", "[data]") {
  const files::TempDir dir;
  tern::contact_sheet(small_images(), {}, {.rows = 2, .cols = 2, .shuffle = false}, dir / "s.png");
  const Images got = tern::read_image_file(dir / "s.png");
  const std::uint8_t w = 255;
  CHECK(got.shape() == ImageShape{1, 6, 6});
  CHECK(got.pixels == Bytes{1, 2, w, w, 5, 6, 3, 4,  w, w, 7, 8, w,  w,  w, w, w, w,  //
                            w, w, w, w, w, w, 9, 10, w, w, w, w, 11, 12, w, w, w, w});
  const Images rgb{3, 1, 1, {7, 8, 9}, {0}};
  tern::contact_sheet(rgb, {}, {.rows = 1, .cols = 1}, dir / "s.png");
  CHECK(tern::read_image_file(dir / "s.png").pixels == Bytes{7, 8, 9});
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
  CHECK_THROWS_AS(tern::contact_sheet(rgb, {}, {.rows = 0, .cols = 1}, dir / "t.png"), tern::ValueError);
  CHECK_THROWS_AS(tern::contact_sheet(rgb, {}, {.rows = 100000, .cols = 1}, dir / "t.png"), tern::ValueError);
  CHECK_THROWS_AS(tern::contact_sheet(rgb, {}, {.rows = 1, .cols = 1}, dir / "absent/t.png"), tern::IoError);
}

TEST_CASE("contact_sheet: drawn from all over, each with the name of its class", "[data]") {
  const files::TempDir dir;
  Images many{1, 10, 10, {}, {}};
  for (int i = 0; i < 40; ++i) {
    many.labels.push_back(i / 20);
    many.pixels.insert(many.pixels.end(), 100, static_cast<std::uint8_t>(100 + i));
  }
  const auto sheet = [&](const tern::SheetOptions& o) {
    tern::contact_sheet(many, {"I-I", "\xc3\xa4"}, o, dir / "s.png");
    return tern::read_image_file(dir / "s.png");
  };
  // Enlarged five times, so that eight letters fit, then a gap and letters seven pixels high.
  const Images one = sheet({.rows = 1, .cols = 1, .shuffle = false});
  REQUIRE(one.shape() == ImageShape{1, 59, 50});
  CHECK(std::all_of(one.pixels.begin(), one.pixels.begin() + 50 * 50, [](int p) { return p == 100; }));
  std::string text;
  for (std::size_t y = 52; y < 59; ++y) {
    for (std::size_t x = 0; x < 18; ++x) text += one.pixels[y * 50 + x] == 0 ? '#' : '.';
    text += '\n';
  }
  CHECK(text ==
        ".###.........###..\n"
        "..#...........#...\n"
        "..#...........#...\n"
        "..#...#####...#...\n"
        "..#...........#...\n"
        "..#...........#...\n"
        ".###.........###..\n");
  const auto classes_of = [&](std::uint64_t seed) {
    const Images drawn = sheet({.rows = 1, .cols = 8, .seed = seed});
    std::set<int> shades;
    for (std::size_t i = 0; i < 8; ++i) shades.insert(drawn.pixels[i * 52]);
    CHECK(shades.size() == 8);
    return shades;
  };
  const std::set<int> drawn = classes_of(1);
  CHECK(drawn == classes_of(1));
  CHECK(drawn != classes_of(2));
  CHECK((*drawn.begin() < 120 && *drawn.rbegin() >= 120));  // of both classes
}

TEST_CASE("read_image_file: formats and channels", "[data]") {
  const files::TempDir dir;
  const auto read = [&](const Bytes& file, int channels) {
    files::write(dir / "x", file);
    return tern::read_image_file(dir / "x", {channels, 0, 0}).pixels;
  };
  const Bytes rgba{10, 20, 30, 40, 50, 60, 70, 80};
  CHECK(read(files::png(2, 1, 6, rgba), 0) == Bytes{10, 50, 20, 60, 30, 70});
  CHECK(read(files::png(2, 1, 6, rgba), 4) == Bytes{10, 50, 20, 60, 30, 70, 40, 80});
  CHECK(read(files::png(2, 1, 4, Bytes{1, 2, 3, 4}), 0) == Bytes{1, 3});
  CHECK(read(files::png(2, 1, 4, Bytes{1, 2, 3, 4}), 4) == Bytes{1, 3, 1, 3, 1, 3, 2, 4});
  CHECK(read(files::png(2, 1, 0, Bytes{1, 2}), 3) == Bytes{1, 2, 1, 2, 1, 2});
  Bytes hollow = files::png(2, 1, 0, Bytes{1, 2});  // an empty chunk of data behind the header
  const Bytes chunk{0, 0, 0, 0, 'I', 'D', 'A', 'T', 0x35, 0xaf, 0x06, 0x1e};
  hollow.insert(hollow.begin() + 33, chunk.begin(), chunk.end());
  CHECK(read(hollow, 0) == Bytes{1, 2});
  CHECK(read(files::bytes_of("P5\n2 1\n255\nAB"), 1) == Bytes{'A', 'B'});
  CHECK(read(files::jpeg({77}), 0) == Bytes(64, 77));
  CHECK(read(files::jpeg({77}), 3) == Bytes(192, 77));
  CHECK(read(files::jpeg({200, 128, 128}), 1) == Bytes(64, 200));
  // Y 100, Cr 228: R = 100 + 1.402 * 100 = 240, G = 100 - 0.71414 * 100 = 29, B = 100.
  const Bytes red = read(files::jpeg({100, 128, 228}), 3);
  CHECK(red[0] == 240);
  CHECK(red[64] == 29);
  CHECK(red[128] == 100);

  files::write(dir / "x", files::jpeg({77}));
  CHECK(tern::read_image_file(dir / "x", {1, 28, 28}).pixels == Bytes(784, 77));
  CHECK(tern::read_image_file(dir / "x", {1, 4, 6}).shape() == ImageShape{1, 4, 6});
  CHECK_THROWS_AS(tern::read_image_file(dir / "x", {2, 0, 0}), tern::ValueError);
  CHECK_THROWS_AS(tern::read_image_file(dir / "x", {1, 28, 0}), tern::ValueError);
  CHECK_THROWS_AS(tern::read_image_file(dir / "absent"), tern::IoError);
}

TEST_CASE("read_image_file: hostile files", "[data]") {
  const files::TempDir dir;
  const std::string path = dir / "x";
  const auto read = [&] { tern::read_image_file(path); };
  const auto refuses = [&](const Bytes& file, const std::string& text) {
    files::write(path, file);
    CHECK_THROWS_WITH(read(), ContainsSubstring(text) && ContainsSubstring(path));
  };
  const Bytes png = files::png(2, 2, 0, Bytes{1, 2, 3, 4});
  files::check_truncations(png, png.size() - 12, path, read);  // IEND itself may be missing
  files::check_flips(png, path, read);
  const Bytes jpeg = files::jpeg({77, 100, 200});
  files::check_flips(jpeg, path, read);
  for (std::size_t n = 0; n < jpeg.size(); ++n) {
    // The decoder may fill in a missing end; it must not do worse.
    files::write(path, files::first(jpeg, n));
    try {
      read();
    } catch (const tern::FormatError&) {
    }
  }
  refuses({}, "empty file");
  refuses(files::bytes_of("GIF89a"), "cut short");
  refuses(files::bytes_of("words"), "expected a JPEG");
  refuses(files::png(2, 2, 0, Bytes{1, 2, 3, 4}, 20000, 2), "");
  refuses(files::png(2, 2, 0, Bytes{1, 2, 3, 4}, 16000, 16000), "bytes can hold");
  refuses(files::png(2, 2, 0, Bytes{1, 2, 3, 4}, 5000, 5000), "bytes can hold");
  refuses(files::png(2, 2, 0, Bytes{1, 2, 3, 4}, 0x7fffffff, 0x7fffffff), "");
  refuses(files::png(2, 2, 0, Bytes{1, 2, 3, 4}, 40, 40), "damaged");
  refuses(files::png(1, 1, 0, Bytes(std::size_t{64} << 20)), "damaged");  // inflates to 64 MiB for one pixel
}
