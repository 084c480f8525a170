#include "data/jpeg_tables.hpp"
#include "files.hpp"

using files::Bytes;

namespace {

/// A segment with one table of `each` codes of every length.
Bytes tables(std::uint8_t each) {
  Bytes t{0x10};
  t.insert(t.end(), 16, each);
  t.insert(t.end(), std::size_t{16} * each, std::uint8_t{1});
  const std::size_t length = t.size() + 2;
  Bytes segment{0xff, 0xc4, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
  files::append(segment, t);
  return segment;
}

Bytes join(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& p : parts) files::append(all, p);
  return all;
}

/// Where the first flaw is, if it is a table.
std::optional<std::size_t> oversized_huffman_table(files::ByteView file) {
  const auto flaw = tern::data::jpeg_flaw(file);
  return flaw && std::string(flaw->field) == "Huffman table" ? std::optional(flaw->offset) : std::nullopt;
}

const Bytes kSoi{0xff, 0xd8};
const Bytes kEoi{0xff, 0xd9};
const Bytes kScan{0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 12, 34, 0xff, 0x00, 56, 0xff, 0xd0, 78};

}  // namespace

TEST_CASE("oversized_huffman_table: wherever a decoder meets one", "[data]") {
  const Bytes good = tables(16), bad = tables(17);
  CHECK_FALSE(oversized_huffman_table(join({kSoi, good, kScan, kEoi})));
  CHECK(oversized_huffman_table(join({kSoi, bad, kScan, kEoi})) == std::size_t{6});
  CHECK(oversized_huffman_table(join({kSoi, good, bad})) == good.size() + 6);
  CHECK(oversized_huffman_table(join({kSoi, {0, 0, 0xff, 0xff}, bad})) == std::size_t{10});  // padded
  CHECK(oversized_huffman_table(join({kSoi, kScan, bad, kEoi})) == kSoi.size() + kScan.size() + 4);
  CHECK_FALSE(oversized_huffman_table(join({kSoi, kScan, kEoi, bad})));  // behind the end
  Bytes comment{0xff, 0xfe, 3, 0};
  files::append(comment, bad);
  comment.resize(2 + 0x300);
  CHECK_FALSE(oversized_huffman_table(join({kSoi, comment, kScan, kEoi})));  // inside a comment
  // The second table of one segment.
  Bytes two{0xff, 0xc4, 2, 0x46};
  two.insert(two.end(), good.begin() + 4, good.end());
  two.insert(two.end(), bad.begin() + 4, bad.end());
  CHECK(oversized_huffman_table(join({kSoi, two})) == 6 + good.size() - 4);
  CHECK_FALSE(oversized_huffman_table(files::jpeg({77, 1, 2})));
  CHECK_FALSE(oversized_huffman_table(Bytes{}));
  CHECK_FALSE(oversized_huffman_table(Bytes{0xff}));
  for (std::size_t n = 0; n < bad.size() + 2; ++n) oversized_huffman_table(files::first(join({kSoi, bad}), n));
}

TEST_CASE("jpeg_flaw: more than 100 scans", "[data]") {
  const auto scans = [](std::size_t n) {
    Bytes all = kSoi;
    for (std::size_t i = 0; i < n; ++i) files::append(all, kScan);
    files::append(all, kEoi);
    return all;
  };
  CHECK_FALSE(tern::data::jpeg_flaw(scans(100)));
  const auto flaw = tern::data::jpeg_flaw(scans(101));
  REQUIRE(flaw);
  CHECK(flaw->offset == kSoi.size() + 100 * kScan.size());
  CHECK(std::string(flaw->field) == "scan");
  const files::TempDir dir;
  files::write(dir / "x.jpg", scans(250));
  CHECK_THROWS_WITH(tern::read_image_file(dir / "x.jpg"), ContainsSubstring("scan: expected at most 100 scans"));
}

TEST_CASE("jpeg_flaw: a small file is no large image, and no long work", "[data]") {
  // A grey frame, so many scans of it, and zeros up to so many bytes.
  const auto image = [](unsigned side, std::size_t scans, std::size_t bytes) {
    const auto high = static_cast<std::uint8_t>(side >> 8), low = static_cast<std::uint8_t>(side);
    Bytes all = join({kSoi, {0xff, 0xc2, 0, 11, 8, high, low, high, low, 1, 1, 0x11, 0}});
    for (std::size_t i = 0; i < scans; ++i) files::append(all, kScan);
    all.resize(bytes - 2);
    files::append(all, kEoi);
    return all;
  };
  const auto flaw = [&](unsigned side, std::size_t scans, std::size_t bytes) {
    const auto found = tern::data::jpeg_flaw(image(side, scans, bytes));
    return std::string(found ? found->field : "none");
  };
  // 4096 x 4096: 2^18 blocks, 32 KiB of bits. 40,000 bytes allow 2^20 + 2,560,000 visits, 13 scans.
  CHECK(flaw(4096, 1, 32768) == "none");
  CHECK(flaw(4096, 1, 32767) == "width, height");
  CHECK(flaw(4096, 13, 40000) == "none");
  CHECK(flaw(4096, 14, 40000) == "scan");
  CHECK(flaw(512, 100, 5000) == "none");
}

TEST_CASE("read_image_file: an oversized Huffman table is refused before it is decoded", "[data]") {
  const files::TempDir dir;
  const Bytes image = files::jpeg({77});
  const Bytes rest(image.begin() + 2, image.end());
  files::write(dir / "x.jpg", join({kSoi, tables(17), rest}));
  CHECK_THROWS_WITH(tern::read_image_file(dir / "x.jpg"), ContainsSubstring("byte 6, Huffman table"));
}
