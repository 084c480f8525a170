#include "../data/files.hpp"
#include "files/read.hpp"
#include "files/tar.hpp"

using files::Bytes;
using files::bytes_of;
using tern::list_tar;

namespace {

void read(const std::string& path) {
  const Bytes file = tern::read_file<std::uint8_t>(path);
  list_tar(file, path);
}

}  // namespace

TEST_CASE("list_tar: names, order, contents, offsets", "[files]") {
  Bytes archive = files::tar_member("dir/", {}, {.type = '5'});
  files::append(archive, files::tar_member("b.txt", bytes_of("bee")));
  files::append(archive, files::tar_member("file", bytes_of("x"), {.prefix = "long/way"}));
  const std::string long_name = std::string(150, 'n') + ".jpg";
  files::append(archive, files::tar_member("././@LongLink", bytes_of(long_name), {.type = 'L'}));
  files::append(archive, files::tar_member("nnn", bytes_of("gnu")));
  files::append(archive, files::tar_member("pax", bytes_of("16 path=a/b.jpg\n"), {.type = 'x'}));
  files::append(archive, files::tar_member("short", bytes_of("pax")));
  files::append(archive, files::tar_member("empty", {}));
  archive.resize(archive.size() + 1024);
  const auto members = list_tar(archive, "p");
  REQUIRE(members.size() == 5);
  const auto check = [&](std::size_t i, const std::string& name, const std::string& content) {
    CHECK(members[i].name == name);
    CHECK(Bytes(members[i].bytes.begin(), members[i].bytes.end()) == bytes_of(content));
    CHECK((content.empty() || archive[static_cast<std::size_t>(members[i].offset)] == content[0]));
  };
  check(0, "b.txt", "bee");
  check(1, "long/way/file", "x");
  check(2, long_name, "gnu");
  check(3, "a/b.jpg", "pax");
  check(4, "empty", "");
}

TEST_CASE("list_tar: hostile archives", "[files]") {
  const files::TempDir dir;
  const std::string path = dir / "x.tar";
  const Bytes good = files::tar({{"a", bytes_of("one")}, {"b", bytes_of("two")}});
  // Whole members and the first block of zeros make an archive; the second block may be missing.
  files::check_truncations(good, good.size() - 512, path, [&] { read(path); });
  files::check_flips(good, path, [&] { read(path); });

  const auto refuses = [&](Bytes file, const std::string& text) {
    file.resize(file.size() + 1024);
    CHECK_THROWS_WITH(list_tar(file, path), ContainsSubstring(text) && ContainsSubstring(path));
  };
  refuses(files::tar_member("a", bytes_of("x"), {.size_in_header = 077777777777}), "size: expected at most");
  refuses(files::tar_member("a", bytes_of("x"), {.size_in_header = 1600}), "size: expected at most");
  refuses(files::tar_member("a", bytes_of("x"), {.good_checksum = false}), "checksum");
  refuses(files::tar_member("a", {}, {.type = '2'}), "type");
  refuses(files::tar_member("a\x1b[31m\n", {}, {.type = '\x1b'}), "got type '\\x1b' for a\\x1b[31m\\x0a");
  refuses(files::tar_member("a", bytes_of("99 path=x\n"), {.type = 'x'}), "pax record");
  refuses(files::tar_member("a", bytes_of("0 path=x\n"), {.type = 'x'}), "pax record");
  refuses(files::tar_member("a", bytes_of("11 size=99\n"), {.type = 'x'}), "size record");
  const auto named = [](std::size_t bytes) {
    Bytes all = files::tar_member("././@LongLink", Bytes(bytes, 'n'), {.type = 'L'});
    files::append(all, files::tar_member("n", bytes_of("x")));
    return all;
  };
  Bytes longest = named(4096);
  longest.resize(longest.size() + 1024);
  CHECK(list_tar(longest, path)[0].name.size() == 4096);
  refuses(named(4097), "name: expected at most 4096 bytes");
  refuses(named(1 << 20), "name: expected at most 4096 bytes");
  refuses(files::tar_member("pax", bytes_of("5012 path=" + std::string(5001, 'n') + "\n"), {.type = 'x'}),
          "name: expected at most 4096 bytes");
  refuses(bytes_of("not a tar"), "magic");
  refuses(files::gzip(good), "gzip -d");
  refuses(Bytes{0xfd, '7', 'z', 'X', 'Z', 0}, "xz -d");
  CHECK_THROWS_AS(list_tar({}, path), tern::FormatError);
}
