#include "../data/files.hpp"
#include "files/gzip.hpp"
#include "requested_bytes.hpp"

using files::Bytes;
using files::bytes_of;
using tern::FormatError;

TEST_CASE("gunzip_exact: content of exactly the size expected, nothing behind it", "[files]") {
  const Bytes content = bytes_of("three arctic terns over the sea");
  const Bytes packed = files::gzip(content);
  CHECK(tern::gunzip_exact(packed, content.size(), "p") == content);
  CHECK(tern::gunzip_prefix(packed, 5, "p") == bytes_of("three"));
  CHECK(tern::gunzip_prefix(packed, 500, "p") == content);
  CHECK_THROWS_AS(tern::gunzip_exact(packed, content.size() - 1, "p"), FormatError);
  CHECK_THROWS_AS(tern::gunzip_exact(packed, content.size() + 1, "p"), FormatError);
  for (std::size_t n = 0; n < packed.size(); ++n) {
    CAPTURE(n);
    CHECK_THROWS_AS(tern::gunzip_exact(files::first(packed, n), content.size(), "p"), FormatError);
  }
  Bytes garbage = packed;
  garbage.push_back(7);
  CHECK_THROWS_WITH(tern::gunzip_exact(garbage, content.size(), "p"), ContainsSubstring("end of the file"));
  Bytes bad_crc = packed;
  bad_crc[packed.size() - 8] ^= 1;
  CHECK_THROWS_AS(tern::gunzip_exact(bad_crc, content.size(), "p"), FormatError);
}

TEST_CASE("gunzip_exact: a bomb is not unpacked, an impossible promise needs no memory", "[files]") {
  const Bytes bomb = files::gzip(Bytes(std::size_t{16} << 20));
  CHECK_THROWS_WITH(tern::gunzip_exact(bomb, 100, "p"), ContainsSubstring("got more"));
  CHECK_THROWS_WITH(tern::gunzip_exact(files::gzip(Bytes(10)), std::size_t{1} << 40, "p"),
                    ContainsSubstring("too short"));
  const std::size_t size = std::size_t{40} << 20;
  CHECK_THROWS_WITH(tern::gunzip_exact(files::gzip(Bytes(size)), size, "p"),
                    ContainsSubstring("expected at most 16777216 bytes of content"));
}

TEST_CASE("gunzip_exact: memory for the content once, and not for what is skipped", "[files]") {
  Bytes content(std::size_t{15} << 20);
  content[3] = 7;
  const Bytes packed = files::gzip(content);
  const std::uint64_t before = tern::testing::requested_bytes();
  const Bytes all = tern::gunzip_exact(packed, content.size(), "p");
  CHECK(tern::testing::requested_bytes() - before < content.size() + (1 << 20));
  CHECK(all == content);
  const Bytes rest = tern::gunzip_exact(packed, content.size(), "p", 3);
  CHECK(rest.size() == content.size() - 3);
  CHECK(rest[0] == 7);
  CHECK_THROWS_AS(tern::gunzip_exact(packed, content.size() + 1, "p", 3), FormatError);
}
