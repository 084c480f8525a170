#include "data/records.hpp"
#include "files.hpp"

using files::Bytes;

namespace {

/// A CIFAR record: label bytes, then 3072 pixels that name their place.
Bytes record(const Bytes& labels) {
  Bytes r = labels;
  for (std::size_t i = 0; i < 3072; ++i) r.push_back(static_cast<std::uint8_t>(i * 7 + labels.back()));
  return r;
}

Bytes records(const std::vector<Bytes>& labels) {
  Bytes all;
  for (const Bytes& l : labels) files::append(all, record(l));
  return all;
}

}  // namespace

TEST_CASE("cifar10: any number of records, published constants", "[data]") {
  const files::TempDir dir;
  for (const char* b : {"1", "2", "3", "4"}) files::write(dir / "set/data_batch_" + b + ".bin", records({{3}}));
  files::write(dir / "set/data_batch_5.bin", records({{9}, {0}}));
  files::write(dir / "set/test_batch.bin", records({{5}}));
  const tern::Dataset set = tern::load_dataset("cifar10:" + (dir / "set"));
  CHECK(set.train.labels == std::vector<std::int32_t>{3, 3, 3, 3, 9, 0});
  CHECK(set.test.labels == std::vector<std::int32_t>{5});
  CHECK(set.train.shape() == tern::ImageShape{3, 32, 32});
  CHECK(set.train.image(4)[1025] == static_cast<std::uint8_t>(1025 * 7 + 9));
  CHECK(set.mean == std::vector<float>{0.4914f, 0.4822f, 0.4465f});
  CHECK(set.class_names.at(9) == "truck");
  CHECK(set.source == dir / "set");

  files::write(dir / "set/test_batch.bin", files::first(record({5}), 3072));
  CHECK_THROWS_WITH(tern::load_dataset("cifar10:" + (dir / "set")), ContainsSubstring("whole number of records"));
  files::write(dir / "set/test_batch.bin", {});
  CHECK_THROWS_AS(tern::load_dataset("cifar10:" + (dir / "set")), tern::FormatError);
  files::write(dir / "set/test_batch.bin", records({{5}, {10}}));
  CHECK_THROWS_WITH(tern::load_dataset("cifar10:" + (dir / "set")), ContainsSubstring("byte 3073, label"));
  std::filesystem::remove(dir / "set/test_batch.bin");
  CHECK_THROWS_AS(tern::load_dataset("cifar10:" + (dir / "set")), tern::IoError);
}

TEST_CASE("cifar100: the fine label counts", "[data]") {
  const files::TempDir dir;
  files::write(dir / "train.bin", records({{19, 99}, {0, 1}}));
  files::write(dir / "test.bin", records({{3, 42}}));
  const tern::Dataset set = tern::load_dataset("cifar100:" + dir.path());
  CHECK(set.train.labels == std::vector<std::int32_t>{99, 1});
  CHECK(set.test.labels == std::vector<std::int32_t>{42});
  REQUIRE(set.class_names.size() == 100);
  CHECK(set.class_names[0] == "apple");
  CHECK(set.class_names[42] == "leopard");
  CHECK(set.class_names[99] == "worm");
  CHECK(set.mean.size() == 3);
  files::write(dir / "test.bin", records({{3, 100}}));
  CHECK_THROWS_WITH(tern::load_dataset("cifar100:" + dir.path()), ContainsSubstring("byte 1, label"));
}

TEST_CASE("stl10: columns become rows, labels from 1 become from 0", "[data]") {
  const files::TempDir dir;
  Bytes image(27648);
  // Column-major: value 3 at (y 2, x 5) of channel 1 lies at 9216 + 5 * 96 + 2.
  image[9216 + 5 * 96 + 2] = 3;
  image[95 * 96] = 4;
  files::write(dir / "train_X.bin", image);
  files::write(dir / "train_y.bin", Bytes{10});
  files::write(dir / "test_X.bin", image);
  files::write(dir / "test_y.bin", Bytes{1});
  const tern::Dataset set = tern::load_dataset("stl10:" + dir.path());
  CHECK(set.train.shape() == tern::ImageShape{3, 96, 96});
  CHECK(set.train.labels == std::vector<std::int32_t>{9});
  CHECK(set.test.labels == std::vector<std::int32_t>{0});
  CHECK(set.train.pixels[9216 + 2 * 96 + 5] == 3);
  CHECK(set.train.pixels[95] == 4);
  CHECK(set.train.pixels[95 * 96] == 0);

  const auto refused = [&](const char* text) {
    CHECK_THROWS_WITH(tern::load_dataset("stl10:" + dir.path()), ContainsSubstring(text));
  };
  files::write(dir / "test_y.bin", Bytes{0});
  refused("byte 0, label: expected 1 to 10; got 0");
  files::write(dir / "test_y.bin", Bytes{11});
  refused("label");
  files::write(dir / "test_y.bin", Bytes{1, 2});
  refused("count");
  files::write(dir / "test_y.bin", Bytes{1});
  files::write(dir / "test_X.bin", files::first(image, 27647));
  refused("whole number of images");
}
