#include "data/tree.hpp"
#include "files.hpp"

using files::Bytes;
using files::jpeg;
using tern::LoadOptions;

TEST_CASE("tree: a tar keeps its order, a folder is sorted, both say the same", "[data]") {
  const files::TempDir dir;
  const std::vector<std::pair<std::string, Bytes>> members{
      {"train/b/1.jpg", jpeg({11})}, {"train/a/0.jpg", jpeg({22})}, {"train/b/0.JPG", jpeg({33})},
      {"test/a/9.jpg", jpeg({44})},  {"train/a/notes.txt", {1}},    {"train/a/._0.jpg", {1}},
      {"readme.jpg", {1}},           {"./val/a/0.jpg", jpeg({55})}};
  files::write(dir / "t.tar", files::tar(members));
  for (const auto& [name, content] : members) files::write(dir / "f/" + name, content);

  const tern::Dataset tar = tern::load_dataset("tar:" + (dir / "t.tar"));
  CHECK(tar.name == "tar");
  CHECK(tar.source == dir / "t.tar");
  CHECK(tar.class_names == std::vector<std::string>{"a", "b"});
  CHECK(tar.train.labels == std::vector<std::int32_t>{1, 0, 1});
  CHECK(tar.train.shape() == tern::ImageShape{1, 8, 8});
  CHECK(tar.train.image(0)[0] == 11);
  CHECK(tar.train.image(2)[63] == 33);
  CHECK(tar.test.labels == std::vector<std::int32_t>{0});  // test/ wins over val/
  CHECK(tar.test.image(0)[0] == 44);
  CHECK(tar.mean.at(0) == Approx(22.0 / 255));

  const tern::Dataset folder = tern::load_dataset("folder:" + (dir / "f"));
  CHECK(folder.train.labels == std::vector<std::int32_t>{0, 1, 1});
  CHECK(folder.train.image(0)[0] == 22);
  CHECK(folder.train.image(1)[0] == 33);
  CHECK(folder.train.image(2)[0] == 11);
  CHECK(folder.test.image(0)[0] == 44);
  // The same folder by a path that ends in '/'.
  CHECK(tern::load_dataset("folder:" + (dir / "f/")).train.labels == folder.train.labels);
}

TEST_CASE("tree: classes.txt, a folder on top, deeper files, val", "[data]") {
  const files::TempDir dir;
  files::write(dir / "t.tar", files::tar({{"top/classes.txt", files::bytes_of("n2 king penguin\r\nn1\nn3 unused")},
                                          {"top/train/n1/images/x.jpg", jpeg({1})},
                                          {"top/train/n2/images/x.jpg", jpeg({2})},
                                          {"top/val/n2/x.jpg", jpeg({3})}}));
  const tern::Dataset set = tern::load_dataset("tar:" + (dir / "t.tar"));
  CHECK(set.class_names == std::vector<std::string>{"king penguin", "n1", "unused"});
  CHECK(set.train.labels == std::vector<std::int32_t>{1, 0});
  CHECK(set.test.labels == std::vector<std::int32_t>{0});
}

TEST_CASE("tree: grey files are widened, mixed sizes need a size", "[data]") {
  const files::TempDir dir;
  Bytes half;
  for (int i = 0; i < 16 * 8; ++i) half.push_back(i % 16 < 8 ? 0 : 200);
  const std::string path = dir / "t.tar";
  files::write(path, files::tar({{"train/a/0.jpg", jpeg({77})}, {"train/a/1.jpg", jpeg({100, 128, 128})}}));
  const tern::Dataset mixed = tern::load_dataset("tar:" + path);
  CHECK(mixed.train.channels == 3);
  CHECK(mixed.train.pixels == [] {
    Bytes all(192, 77);
    all.resize(384, 100);
    return all;
  }());
  CHECK(mixed.test.count() == 0);
  LoadOptions grey;
  grey.channels = 1;
  CHECK(tern::load_dataset("tar:" + path, grey).train.pixels.size() == 128);

  files::write(path, files::tar({{"train/a/0.jpg", jpeg({77})}, {"train/a/1.png", files::png(16, 8, 0, half)}}));
  CHECK_THROWS_WITH(tern::load_dataset("tar:" + path),
                    ContainsSubstring("one size") && ContainsSubstring("8x8") && ContainsSubstring("16x8"));
  LoadOptions four;
  four.size = 4;
  const tern::Dataset resized = tern::load_dataset("tar:" + path, four);
  CHECK(resized.train.shape() == tern::ImageShape{1, 4, 4});
  CHECK(resized.train.image(0)[5] == 77);
  CHECK(resized.train.image(1)[0] == 0);
  CHECK(resized.train.image(1)[3] == 200);
}

TEST_CASE("tree: limits are applied before decoding", "[data]") {
  const files::TempDir dir;
  const std::string path = dir / "t.tar";
  const Bytes damaged = files::bytes_of("no image");
  files::write(path, files::tar({{"train/a/0.jpg", jpeg({1})},
                                 {"train/a/1.jpg", damaged},
                                 {"train/b/0.jpg", jpeg({3})},
                                 {"train/b/1.jpg", damaged}}));
  LoadOptions two;
  two.limit_train = 2;
  CHECK(tern::load_dataset("tar:" + path, two).train.labels == std::vector<std::int32_t>{0, 1});
  CHECK_THROWS_WITH(tern::load_dataset("tar:" + path),
                    ContainsSubstring("train/a/1.jpg") && ContainsSubstring("byte 1536"));
}

TEST_CASE("tree: hostile and empty trees", "[data]") {
  const files::TempDir dir;
  const std::string path = dir / "t.tar";
  files::write(path, files::tar({}));
  CHECK_THROWS_WITH(tern::load_dataset("tar:" + path), ContainsSubstring("expected train/<class>/<image>"));
  files::write(path, files::tar({{"train/a/0.jpg", jpeg({1})}, {"test/z/0.jpg", jpeg({1})}}));
  CHECK_THROWS_WITH(tern::load_dataset("tar:" + path), ContainsSubstring("\"z\""));
  files::write(path, files::tar({{"train/a/0.jpg", jpeg({1})}, {"test/\x1b[31m/\n.jpg", jpeg({1})}}));
  CHECK_THROWS_WITH(tern::load_dataset("tar:" + path),
                    ContainsSubstring("got \"\\x1b[31m\" (") && ContainsSubstring("test/\\x1b[31m/\\x0a.jpg)"));
  files::write(path, files::tar({{"train/\x1b[31m/0.jpg", jpeg({1})}}));
  CHECK(tern::load_dataset("tar:" + path).class_names == std::vector<std::string>{"\\x1b[31m"});
  files::write(path, files::tar({{"train/a/\n.jpg", files::bytes_of("no image")}}));
  CHECK_THROWS_WITH(tern::load_dataset("tar:" + path), ContainsSubstring("train/a/\\x0a.jpg: byte"));
  files::write(path, files::tar({{"train/a/0.jpg", jpeg({1})}, {"test/a/0.png", files::png(2, 2, 0, Bytes(4))}}));
  CHECK_THROWS_WITH(tern::load_dataset("tar:" + path), ContainsSubstring("size of the training images"));
  CHECK_THROWS_AS(tern::load_dataset("tar:" + (dir / "absent.tar")), tern::IoError);
  CHECK_THROWS_AS(tern::load_dataset("folder:" + (dir / "absent")), tern::IoError);
  const Bytes good = files::tar({{"train/a/0.jpg", jpeg({1})}});
  files::check_flips(files::Bytes(good.begin(), good.begin() + 1536), path, [&] { tern::load_dataset("tar:" + path); });
}
