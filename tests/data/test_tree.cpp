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

TEST_CASE("tree: grey files are widened, mixed sizes brought to one", "[data]") {
  const files::TempDir dir;
  Bytes half;
  for (int i = 0; i < 16 * 8; ++i) half.push_back(i % 16 < 8 ? 0 : 200);
  const std::string path = dir / "t.tar";
  files::write(path, files::tar({{"train/a/0.jpg", jpeg({77})}, {"train/a/1.jpg", jpeg({100, 128, 128})}}));
  const tern::Dataset mixed = tern::load_dataset("tar:" + path + ",split=0");
  CHECK(mixed.train.channels == 3);
  CHECK(mixed.train.pixels == [] {
    Bytes all(192, 77);
    all.resize(384, 100);
    return all;
  }());
  CHECK(mixed.test.count() == 0);
  LoadOptions grey;
  grey.shape.channels = 1;
  CHECK(tern::load_dataset("tar:" + path + ",split=0", grey).train.pixels.size() == 128);

  files::write(path, files::tar({{"train/a/0.jpg", jpeg({77})}, {"train/a/1.png", files::png(16, 8, 0, half)}}));
  const tern::Dataset ours = tern::load_dataset("tar:" + path + ",split=0");
  CHECK(ours.train.shape() == tern::ImageShape{1, 8, 8});
  CHECK(ours.notes.at(0) == "images of 8x8 to 16x8 pixels are brought to 8x8 (image_size chooses)");
  LoadOptions four;
  four.shape = {0, 4, 4};
  const tern::Dataset resized = tern::load_dataset("tar:" + path + ",split=0", four);
  CHECK(resized.train.shape() == tern::ImageShape{1, 4, 4});
  CHECK(resized.train.image(0)[5] == 77);
  CHECK(resized.train.image(1)[0] == 0);
  CHECK(resized.train.image(1)[3] == 200);
}

TEST_CASE("tree: photos without a size come to one that can be trained on", "[data]") {
  const files::TempDir dir;
  const auto shape_of = [&](std::vector<std::pair<int, int>> sizes) {
    std::filesystem::remove_all(dir / "f");
    int n = 0;
    for (const auto& [w, h] : sizes) {
      files::write(dir / ("f/a/" + std::to_string(n++) + ".png"),
                   files::png(w, h, 0, Bytes(static_cast<std::size_t>(w * h), 100)));
    }
    return tern::load_dataset("folder:" + (dir / "f") + ",split=0").train.shape();
  };
  CHECK(shape_of({{640, 480}, {640, 480}}) == tern::ImageShape{1, 64, 64});
  CHECK(shape_of({{512, 480}, {512, 480}}) == tern::ImageShape{1, 480, 512});
  CHECK(shape_of({{100, 200}, {300, 40}}) == tern::ImageShape{1, 40, 40});
  CHECK(shape_of({{100, 200}, {200, 100}}) == tern::ImageShape{1, 64, 64});
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
  CHECK(tern::load_dataset("tar:" + path + ",split=0", two).train.labels == std::vector<std::int32_t>{0, 1});
  CHECK_THROWS_WITH(tern::load_dataset("tar:" + path + ",split=0"),
                    ContainsSubstring("train/a/1.jpg") && ContainsSubstring("byte 1536"));
}

TEST_CASE("tree: hostile and empty trees", "[data]") {
  const files::TempDir dir;
  const std::string path = dir / "t.tar";
  files::write(path, files::tar({}));
  CHECK_THROWS_WITH(tern::load_dataset("tar:" + path),
                    ContainsSubstring("expected <class>/<image> or train/<class>/<image>"));
  files::write(path, files::tar({{"train/a/0.jpg", jpeg({1})}, {"test/z/0.jpg", jpeg({1})}}));
  CHECK_THROWS_WITH(tern::load_dataset("tar:" + path), ContainsSubstring("\"z\""));
  files::write(path, files::tar({{"train/a/0.jpg", jpeg({1})}, {"test/\x1b[31m/\n.jpg", jpeg({1})}}));
  CHECK_THROWS_WITH(tern::load_dataset("tar:" + path),
                    ContainsSubstring("got \"\\x1b[31m\" (") && ContainsSubstring("test/\\x1b[31m/\\x0a.jpg)"));
  files::write(path, files::tar({{"train/\x1b[31m/0.jpg", jpeg({1})}}));
  CHECK(tern::load_dataset("tar:" + path).class_names == std::vector<std::string>{"\\x1b[31m"});
  files::write(path, files::tar({{"train/a/\n.jpg", files::bytes_of("no image")}}));
  CHECK_THROWS_WITH(tern::load_dataset("tar:" + path), ContainsSubstring("train/a/\\x0a.jpg, byte"));
  files::write(path, files::tar({{"train/a/0.jpg", jpeg({1})}, {"test/a/0.png", files::png(2, 2, 0, Bytes(4))}}));
  CHECK(tern::load_dataset("tar:" + path).test.height == 2);
  CHECK_THROWS_AS(tern::load_dataset("tar:" + (dir / "absent.tar")), tern::IoError);
  CHECK_THROWS_AS(tern::load_dataset("folder:" + (dir / "absent")), tern::IoError);
  const Bytes good = files::tar({{"train/a/0.jpg", jpeg({1})}});
  files::check_flips(files::Bytes(good.begin(), good.begin() + 1536), path, [&] { tern::load_dataset("tar:" + path); });
}

namespace {

/// Five images of each of the classes a and b, told apart by their brightness.
void write_classes(const files::TempDir& dir, const std::string& where) {
  for (int i = 0; i < 5; ++i) {
    files::write(dir / (where + "a/" + std::to_string(i) + ".jpg"), jpeg({10 + i}));
    files::write(dir / (where + "b/" + std::to_string(i) + ".jpg"), jpeg({100 + i}));
  }
}

}  // namespace

TEST_CASE("tree: folders of classes alone, with a test split of their own", "[data]") {
  const files::TempDir dir;
  write_classes(dir, "f/");
  const std::string name = "folder:" + (dir / "f");
  const tern::Dataset set = tern::load_dataset(name);
  CHECK(set.class_names == std::vector<std::string>{"a", "b"});
  CHECK(set.train.labels == std::vector<std::int32_t>{0, 0, 0, 0, 1, 1, 1, 1});
  CHECK(set.test.labels == std::vector<std::int32_t>{0, 1});
  REQUIRE(set.split);
  CHECK(set.split->text() == "split=0.2,seed=1");
  CHECK(set.notes == std::vector<std::string>{"test images: 2 of 10, from every class (split=0.2,seed=1)"});
  CHECK(tern::load_dataset(name + "," + set.split->text()).fingerprint == set.fingerprint);
  CHECK(tern::load_dataset(name + ",seed=3").fingerprint != set.fingerprint);
  CHECK(tern::load_dataset(name + ",split=0").test.count() == 0);
  const tern::Dataset all = tern::load_dataset(name + ",split=1");
  CHECK(all.train.count() == 0);
  CHECK(all.test.count() == 10);
  CHECK(all.mean.at(0) == Approx((12 + 102) / 2.0 / 255));
  // Train alone is split likewise; test alone is what it is.
  write_classes(dir, "t/train/");
  CHECK(tern::load_dataset("folder:" + (dir / "t")).test.count() == 2);
  write_classes(dir, "e/test/");
  const tern::Dataset only = tern::load_dataset("folder:" + (dir / "e"));
  CHECK(only.train.count() == 0);
  CHECK(only.test.count() == 10);
  CHECK_FALSE(only.split);
  CHECK_THROWS_WITH(tern::load_dataset("folder:" + (dir / "e") + ",split=0.5"), ContainsSubstring("has no effect"));
}

TEST_CASE("tree: a class without images is named, what nothing reads is counted", "[data]") {
  const files::TempDir dir;
  write_classes(dir, "f/");
  files::write(dir / "f/a/x.webp", Bytes{1});
  CHECK(tern::load_dataset("folder:" + (dir / "f")).notes.at(0) ==
        "left out, because nothing here reads them: 1 .webp");
  files::write(dir / "f/c/x.webp", Bytes{1});
  files::write(dir / "f/c/y.tiff", Bytes{1});
  CHECK_THROWS_WITH(tern::load_dataset("folder:" + (dir / "f")),
                    ContainsSubstring("got none in \"c\", but 1 .tiff, 1 .webp"));
  std::filesystem::remove_all(dir / "f/c");
  std::filesystem::create_directories(dir / "f/c");
  CHECK_THROWS_WITH(tern::load_dataset("folder:" + (dir / "f")), ContainsSubstring("got none in \"c\""));
}

TEST_CASE("tree: what is there but not as it should be has a message of its own", "[data]") {
  const files::TempDir dir;
  const auto says = [&](const std::string& name, const char* text) {
    CAPTURE(name);
    CHECK_THROWS_WITH(tern::load_dataset(name), ContainsSubstring(text));
  };
  says("folder:" + (dir / "nowhere"), "there is no \"");
  files::write(dir / "x.tar", files::tar({}));
  says("folder:" + (dir / "x.tar"), "a tar file is read by tar:<path>");
  std::filesystem::create_directories(dir / "f/a");
  says("tar:" + (dir / "f"), "a folder is read by folder:<path>");
  says("folder:" + (dir / "f"), "got no image");
  files::write(dir / "f/a/1.webp", Bytes{1});
  says("folder:" + (dir / "f"), "nothing here reads them: 1 .webp");
  files::write(dir / "g/1.jpg", jpeg({1}));
  says("folder:" + (dir / "g"), "no folder of a class: 1 image");
  says("folder", "name a folder that holds a folder of images for each class");
}

TEST_CASE("tree: images that cannot be read are all named, or left out", "[data]") {
  const files::TempDir dir;
  write_classes(dir, "f/");
  files::write(dir / "f/a/bad.jpg", files::bytes_of("words"));
  const Bytes whole = jpeg({7});
  files::write(dir / "f/b/cut.jpg", files::first(whole, whole.size() - 3));
  for (const char* more : {"", ",channels=1,memory=0", ",memory=0"}) {
    CAPTURE(more);
    const std::string name = "folder:" + (dir / "f") + ",split=0" + more;
    const tern::Dataset set = tern::load_dataset(name + ",bad=skip");
    CHECK(set.train.count() == 10);
    CHECK(tern::kept(set.train).pixels[64 * 9] == 104);
    CHECK_THAT(set.notes.at(0), ContainsSubstring("left out, because 2 of 12 images cannot be read") &&
                                    ContainsSubstring("bad.jpg") && ContainsSubstring("cut.jpg"));
  }
  CHECK_THROWS_WITH(tern::load_dataset("folder:" + (dir / "f") + ",split=0"),
                    ContainsSubstring("2 of 12 images cannot be read (with bad=skip they are left out)") &&
                        ContainsSubstring("bad.jpg") && ContainsSubstring("cut.jpg"));
}

TEST_CASE("tree: more pixels than are to be kept are decoded when they are asked for", "[data]") {
  const files::TempDir dir;
  write_classes(dir, "f/");
  files::write(dir / "t.tar", [&] {
    std::vector<std::pair<std::string, Bytes>> members;
    for (int i = 0; i < 5; ++i) {
      members.emplace_back("train/a/" + std::to_string(i) + ".jpg", jpeg({10 + i, 20 * i, 99}));
      members.emplace_back("test/a/" + std::to_string(i) + ".jpg", jpeg({100 + i, 30, 40}));
    }
    return files::tar(members);
  }());
  for (const std::string& name : {"folder:" + (dir / "f"), "tar:" + (dir / "t.tar")}) {
    CAPTURE(name);
    const tern::Dataset now = tern::load_dataset(name);
    for (const std::uint64_t memory : {std::uint64_t{0}, std::uint64_t{3 * 192}}) {
      LoadOptions o;
      o.memory = memory;
      const tern::Dataset later = tern::load_dataset(name, o);
      REQUIRE(later.train.source);
      CHECK(later.train.pixels.empty());
      CHECK_THROWS_AS(later.train.image(0), tern::ValueError);
      CHECK(later.mean == now.mean);
      CHECK(later.std == now.std);
      CHECK(later.train.labels == now.train.labels);
      for (int round = 0; round < 2; ++round) CHECK(tern::kept(later.train).pixels == now.train.pixels);
      CHECK(tern::kept(later.test).pixels == now.test.pixels);
      // Whatever is made of them is the same as well, by any number of threads.
      const auto served = [&](const tern::Dataset& set, int workers) {
        const tern::Split parts = tern::split_train_validation(set.train, 0.3, 1);
        const tern::Images large = tern::convert_images(parts.train, {3, 9, 9});
        const std::vector<float> mean(3, 0.5f), std(3, 0.25f);
        tern::BatchLoader loader(
            large, tern::Normalizer(mean, std),
            {.batch_size = 2, .shuffle = true, .augment = tern::Augment::parse("crop=7,flip"), .workers = workers});
        std::vector<float> out;
        for (tern::Batch b; loader.next(b);) out.insert(out.end(), b.images.begin(), b.images.end());
        return out;
      };
      const std::vector<float> expected = served(now, 1);
      for (const int workers : {0, 1, 3}) CHECK(served(later, workers) == expected);
      // Other content shows as far as names and sizes tell.
      CHECK(later.fingerprint == tern::load_dataset(name, o).fingerprint);
    }
  }
}

TEST_CASE("tree: a file that goes bad while images are used is an error of its batch", "[data]") {
  const files::TempDir dir;
  write_classes(dir, "f/");
  const tern::Dataset set = tern::load_dataset("folder:" + (dir / "f") + ",split=0,memory=0");
  files::write(dir / "f/b/2.jpg", files::bytes_of("words"));
  tern::BatchLoader loader(set.train, tern::Normalizer(set.mean, set.std), {.batch_size = 5});
  tern::Batch b;
  CHECK(loader.next(b));
  CHECK_THROWS_WITH(loader.next(b), ContainsSubstring("f/b/2.jpg"));
  files::write(dir / "f/b/x.jpg", jpeg({1}));
  CHECK(tern::load_dataset("folder:" + (dir / "f") + ",split=0,memory=0,bad=skip").fingerprint != set.fingerprint);
}

TEST_CASE("tree: channels as asked", "[data]") {
  const files::TempDir dir;
  for (int i = 0; i < 3; ++i) files::write(dir / ("f/a/" + std::to_string(i) + ".jpg"), jpeg({50, 128, 128}));
  const std::string name = "folder:" + (dir / "f");
  CHECK(tern::load_dataset(name).train.channels == 3);
  CHECK(tern::load_dataset(name + ",channels=auto").train.channels == 3);
  const tern::Dataset grey = tern::load_dataset(name + ",channels=1");
  CHECK(grey.train.channels == 1);
  CHECK(grey.train.image(0)[0] == 50);
}
