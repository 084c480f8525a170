#include "catch.hpp"
#include "files/bytes.hpp"
#include "files/crc32.hpp"
#include "tern/error.hpp"

namespace {

std::span<const std::byte> view_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

}  // namespace

TEST_CASE("ByteReader: numbers in both orders, text, and where it stands", "[files]") {
  const auto bytes = view_of("\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x01\x02\x03\x04\x01\x02\x03\x04hello!");
  tern::ByteReader in("op", "file", bytes, 100);
  CHECK(in.u64("a") == 0x0807060504030201u);
  CHECK(in.u16("b") == 0x0201u);
  CHECK(in.u32("c") == 0x04030201u);
  CHECK(in.u32_big_endian("d") == 0x01020304u);
  CHECK(in.text(5, "e") == "hello");
  CHECK(in.position() == 123);
  CHECK(in.left() == 1);
  CHECK_THROWS_WITH(in.u16("f"), ContainsSubstring("[op] file, byte 123, f: expected 2 bytes; got 1 (truncated?)"));
  CHECK_THROWS_AS(in.take(~std::uint64_t{0}, "g"), tern::FormatError);
  CHECK(in.u8("h") == '!');
  CHECK_THROWS_WITH(in.fail_here("h", "bad"), ContainsSubstring("byte 123, h: bad"));
  CHECK_THROWS_WITH(tern::bad_format("op", "a\nb", 1, "x", "y"), ContainsSubstring("[op] a\\x0ab, byte 1, x: y"));
}

TEST_CASE("crc32: as everyone has it", "[files]") {
  CHECK(tern::crc32(view_of("123456789")) == 0xCBF43926u);
  CHECK(tern::crc32(std::vector<std::byte>(32)) == 0x190A55ADu);
  CHECK(tern::crc32(std::vector<std::byte>(32, std::byte{0xFF})) == 0xFF6CAB0Bu);
  CHECK(tern::crc32({}) == 0);
}
