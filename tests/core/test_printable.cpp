#include "catch.hpp"
#include "core/printable.hpp"

using tern::is_utf8;
using tern::printable;

TEST_CASE("printable: one line without control characters", "[core]") {
  CHECK(printable("plain text") == "plain text");
  CHECK(printable("a\nb\x1b[31m\x7f") == "a\\x0ab\\x1b[31m\\x7f");
  CHECK(printable("caf\xc3\xa9") == "caf\xc3\xa9");
  CHECK(printable("caf\xe9") == "caf\\xe9");
  CHECK(printable("abcdef", 3) == "abc...");
  CHECK(printable("abc", 3) == "abc");
}

TEST_CASE("is_utf8: the edges of each length", "[core]") {
  for (const char* good : {"", "a\n", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    CHECK(is_utf8(good));
  }
  for (const char* bad : {"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xc3z", "\xe0\x80\xaf", "\xe0\x9f\xbf",
                          "\xe2\x82", "\xe2\x82z", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x90",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    INFO(printable(bad));
    CHECK_FALSE(is_utf8(bad));
    CHECK_FALSE(is_utf8(std::string("ok") + bad + "ok"));
  }
}
