#include "data/idx.hpp"
#include "files.hpp"

using files::Bytes;
using files::bytes_of;
using tern::data::read_idx;

TEST_CASE("read_idx: plain and gzipped", "[data]") {
  const files::TempDir dir;
  const Bytes data{1, 2, 3, 4, 5, 6};
  for (const bool packed : {false, true}) {
    const Bytes file = files::idx({1, 2, 3}, data);
    files::write(dir / "x", packed ? files::gzip(file) : file);
    const tern::data::Idx got = read_idx(dir / "x", 3);
    CHECK(got.extents == std::vector<std::uint32_t>{1, 2, 3});
    CHECK(got.bytes == data);
  }
  CHECK_THROWS_AS(read_idx(dir / "absent", 3), tern::IoError);
  CHECK_THROWS_AS(read_idx(dir.path(), 3), tern::IoError);
}

TEST_CASE("read_idx: hostile files", "[data]") {
  const files::TempDir dir;
  const std::string path = dir / "x";
  const auto read = [&] { read_idx(path, 3); };
  const Bytes good = files::idx({1, 2, 3}, Bytes{1, 2, 3, 4, 5, 6});
  files::check_truncations(good, good.size(), path, read);
  const Bytes packed = files::gzip(good);
  files::check_truncations(packed, packed.size(), path, read);
  files::check_flips(good, path, read);
  files::check_flips(packed, path, read);

  const auto refuses = [&](const Bytes& file, const std::string& text) {
    for (const bool gz : {false, true}) {
      files::write(path, gz ? files::gzip(file) : file);
      CHECK_THROWS_WITH(read(), ContainsSubstring(text) && ContainsSubstring(path) && ContainsSubstring("byte "));
    }
  };
  refuses(files::idx({6}, Bytes{1, 2, 3, 4, 5, 6}), "magic: expected 2051");
  refuses(files::idx({0xffffffff, 0xffffffff, 0xffffffff}, {}), "extent");
  refuses(files::idx({65536, 65536, 2}, {}), "extent");
  refuses(files::idx({1000, 1000, 1000}, Bytes(8)), "expected 1000000016 bytes");
  refuses(files::idx({1, 2, 2}, Bytes{1, 2, 3, 4, 5}), "expected 20 bytes");
}

TEST_CASE("read_idx_images: images and labels must agree", "[data]") {
  const files::TempDir dir;
  const auto put = [&](const char* name, const Bytes& file) { files::write(dir / name, file); };
  put("train-images-idx3-ubyte.gz", files::gzip(files::idx({2, 2, 2}, Bytes{1, 2, 3, 4, 5, 6, 7, 8})));
  put("train-labels-idx1-ubyte", files::idx({2}, Bytes{9, 0}));
  const tern::Images got = tern::data::read_idx_images(dir.path(), "train", 10);
  CHECK(got.shape() == tern::ImageShape{1, 2, 2});
  CHECK(got.labels == std::vector<std::int32_t>{9, 0});
  CHECK(got.image(1)[0] == 5);
  CHECK_THROWS_WITH(tern::data::read_idx_images(dir.path(), "train", 9),
                    ContainsSubstring("byte 8, label: expected below 9; got 9"));
  put("train-labels-idx1-ubyte", files::idx({3}, Bytes{9, 0, 0}));
  CHECK_THROWS_WITH(tern::data::read_idx_images(dir.path(), "train", 10), ContainsSubstring("count: expected 2"));
  put("train-labels-idx1-ubyte", files::idx({0}, {}));
  put("train-images-idx3-ubyte.gz", files::gzip(files::idx({0, 0, 2}, {})));
  CHECK_THROWS_WITH(tern::data::read_idx_images(dir.path(), "train", 10), ContainsSubstring("height"));
}
