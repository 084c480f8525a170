// The file format: what is written reads back, the bytes are the documented ones, and damage of any kind is refused.
#include <filesystem>
#include <fstream>

#include "catch.hpp"
#include "files/crc32.hpp"
#include "files/write.hpp"
#include "forge.hpp"
#include "packed/encoding.hpp"
#include "requested_bytes.hpp"
#include "support.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"

using namespace tern;
using packed::Blob;
using testing::repair;

namespace {

std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> out;
  int high = -1;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) continue;
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<std::byte>(high * 16 + digit));
      high = -1;
    }
  }
  return out;
}

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool equal(const packed::Model& a, const packed::Model& b) {
  return a.graph.format() == b.graph.format() && a.meta == b.meta && a.blobs == b.blobs;
}

}  // namespace

TEST_CASE("packed file: another kind of file is refused before its bulk is read") {
  const TempDir dir;
  const std::string path = dir / "x.tern";
  write_file_atomically(path, std::string_view("some other file"));
  std::filesystem::resize_file(path, std::uintmax_t{3} << 30);  // sparse
  const std::uint64_t before = testing::requested_bytes();
  CHECK_THROWS_WITH(packed::read(path), ContainsSubstring(path) && ContainsSubstring("not a packed model file"));
  CHECK(testing::requested_bytes() - before < (1 << 20));
}

TEST_CASE("packed file: a model survives the way to bytes and back, and the bytes are the same each time") {
  const packed::Model m = small_model();
  const auto bytes = packed::encode(m);
  CHECK(equal(packed::decode(bytes), m));
  CHECK(packed::encode(packed::decode(bytes)) == bytes);

  const std::string path = (std::filesystem::temp_directory_path() / "tern_packed_test.tern").string();
  packed::write(m, path);
  CHECK(equal(packed::read(path), m));
  std::filesystem::remove(path);
  CHECK_THROWS_AS(packed::read(path), IoError);
  CHECK_THROWS_AS(packed::write(m, "/nonexistent-folder/x.tern"), IoError);
}

TEST_CASE("packed file: the worked example of docs/file-format.md") {
  packed::Model m;
  m.graph = Graph::parse("tern-graph 1\nx = input() shape=1x1x1\n");
  m.meta["by"] = "me";
  m.blobs["w"] = Blob::of_codes({2, 5}, {1, 0, -1, -1, 1, 1, 0, 0, 1, -1});
  const auto bytes = packed::encode(m);
  const std::string doc = slurp(TERN_SOURCE_DIR "/docs/file-format.md");
  // The dump is the block after the line with "hexdump"; each line "offset  bytes  | text".
  const std::size_t begin = doc.find("```hexdump\n");
  REQUIRE(begin != std::string::npos);
  std::string hex;
  std::size_t at = begin + 11;
  while (doc.compare(at, 3, "```") != 0) {
    const std::size_t eol = doc.find('\n', at);
    const std::string line = doc.substr(at, eol - at);
    hex += line.substr(4, line.find('|') - 4);
    at = eol + 1;
  }
  CHECK(from_hex(hex) == bytes);
}

TEST_CASE("packed file: encodings are as small as they can be") {
  Rng rng(3);
  const auto name = [](const std::vector<std::int8_t>& codes) { return packed::name_of(packed::choose(codes)); };
  CHECK(name(pick_codes(rng, 1000, {-1, 1})) == "1-bit");
  CHECK(name(pick_codes(rng, 1000, {0, 1})) == "1-bit");
  CHECK(name(pick_codes(rng, 1000, {-1, 0, 1})) == "base-3");
  CHECK(name(pick_codes(rng, 1000, {-1, 0, 0, 0, 1})) == "masked 1-bit");
  CHECK(name(pick_codes(rng, 1000, {0, 1, 2, 3})) == "2-bit");
  CHECK(name(pick_codes(rng, 1000, {-3, -1, 1, 3})) == "2-bit");
  CHECK(name(pick_codes(rng, 1000, {-2, -1, 0, 1, 2})) == "rans");
  std::vector<std::int8_t> few(40, 0);  // the head of rans does not pay for a few codes
  few[3] = -2, few[10] = 1, few[20] = 2;
  CHECK(name(few) == "masked 2-bit");
  CHECK(name(pick_codes(rng, 1000, {-4, -3, -2, -1, 0, 1, 2, 3})) == "3-bit");
  CHECK(name(pick_codes(rng, 1000, {-7, -3, 0, 2, 7})) == "rans");

  packed::Model m = small_model();
  const auto bytes = packed::encode(m);
  const packed::FileInfo info = packed::inspect(bytes);
  CHECK(info.total_bytes == bytes.size());
  REQUIRE(info.blobs.size() == m.blobs.size());
  for (const auto& b : info.blobs) {
    if (b.name == "c.weight") CHECK((b.encoding == "base-3" && b.bytes == 6));
    if (b.name == "c.peaked") CHECK(b.encoding == "rans");
  }
}

TEST_CASE("packed file: every flip of a single bit is detected") {
  auto bytes = packed::encode(small_model());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[i] ^= static_cast<std::byte>(1 << bit);
      REQUIRE_THROWS_AS(packed::decode(bytes), FormatError);
      bytes[i] ^= static_cast<std::byte>(1 << bit);
    }
  }
  CHECK_NOTHROW(packed::decode(bytes));
}

TEST_CASE("packed file: every truncation and any appended byte is detected") {
  auto bytes = packed::encode(small_model());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    REQUIRE_THROWS_AS(packed::decode(std::span(bytes).first(n)), FormatError);
  }
  bytes.push_back(std::byte{0});
  CHECK_THROWS_AS(packed::decode(bytes), FormatError);
}

TEST_CASE("packed file: errors name file, byte and field") {
  auto bytes = packed::encode(small_model());
  CHECK_THROWS_WITH(packed::decode(std::span(bytes).first(20), "a.tern"), ContainsSubstring("a.tern"));
  auto bad = bytes;
  bad[8] = std::byte{9};
  CHECK_THROWS_WITH(packed::decode(bad, "a.tern"), ContainsSubstring("byte 8") && ContainsSubstring("version"));
  bad = bytes;
  bad[0] = std::byte{'P'};
  CHECK_THROWS_WITH(packed::decode(bad, "a.tern"), ContainsSubstring("byte 0") && ContainsSubstring("magic"));
}

TEST_CASE("packed file: forged bytes with matching checksums give an error or a model, never a crash") {
  const auto good = packed::encode(small_model());
  Rng rng(99);
  int refused = 0, accepted = 0;
  for (int round = 0; round < 30'000; ++round) {
    auto bytes = good;
    const auto changes = 1 + rng.below(3);
    for (std::uint64_t i = 0; i < changes; ++i) {
      // Mostly the header and the table, where lengths are.
      const std::size_t at = rng.below(rng.below(4) == 0 ? bytes.size() : 700);
      const std::array<unsigned, 6> interesting = {0, 1, 0x7f, 0x80, 0xff, rng.next_u32() & 0xff};
      bytes[at] = static_cast<std::byte>(interesting[rng.below(6)]);
    }
    if (rng.below(16) == 0) bytes.resize(60 + rng.below(bytes.size()));
    repair(bytes);
    try {
      const packed::Model m = packed::decode(bytes);
      const auto again = packed::encode(m);
      CHECK(packed::encode(packed::decode(again)) == again);
      ++accepted;
    } catch (const FormatError&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
  CHECK(accepted > 100);  // else the repair does not reach the deeper checks
}

TEST_CASE("packed file: what cannot be written is refused") {
  packed::Model m = small_model();
  m.blobs["c.weight"].codes.pop_back();
  CHECK_THROWS_AS(packed::encode(m), ValueError);
  m = small_model();
  m.graph.nodes()[0].set("shape", "1 x 1");
  CHECK_THROWS_AS(packed::encode(m), ValueError);
  CHECK_THROWS_AS(Blob::of_floats({3}, {1.0f}), ShapeError);
}
