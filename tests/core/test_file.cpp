#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "catch.hpp"
#include "core/file.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"

namespace fs = std::filesystem;

TEST_CASE("file: pipes are read to their end, within the caller's limit", "[core]") {
  const TempDir dir;
  const std::string path = dir / "pipe", text(300'000, 'x');
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  std::thread writer([&] {
    const int fd = ::open(path.c_str(), O_WRONLY);
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    ::close(fd);
  });
  const std::string read = tern::read_text_file(path, text.size());
  writer.join();
  CHECK(read == text);

  const auto within = [](std::size_t limit) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    REQUIRE(::write(ends[1], "12345", 5) == 5);
    ::close(ends[1]);
    const std::string name = "/dev/fd/" + std::to_string(ends[0]);
    try {
      const std::string all = tern::read_text_file(name, limit);
      ::close(ends[0]);
      return all;
    } catch (...) {
      ::close(ends[0]);
      throw;
    }
  };
  CHECK(within(5) == "12345");
  CHECK_THROWS_WITH(within(4), ContainsSubstring("has at least 5 bytes; expected at most 4"));
  CHECK_THROWS_AS(within(0), tern::FormatError);
  CHECK_THROWS_WITH(tern::read_file_start("/dev/null", 8), ContainsSubstring("expected a regular file"));
  CHECK(tern::read_file("/dev/null").empty());
  if (fs::exists("/proc/self/status")) CHECK_FALSE(tern::read_text_file("/proc/self/status").empty());
}

TEST_CASE("file: sizes of regular files", "[core]") {
  const TempDir dir;
  const std::string path = dir / "x";
  for (const std::string text : {"", "12345"}) {
    tern::write_file_atomically(path, text);
    CHECK(tern::read_text_file(path, 5) == text);
    CHECK(tern::read_file_start(path, 3).file_bytes == text.size());
    CHECK(tern::read_file_start(path, 3).bytes.size() == text.size() * 3 / 5);
  }
  CHECK_THROWS_WITH(tern::read_file(path, 4), ContainsSubstring("has 5 bytes; expected at most 4"));
  CHECK_THROWS_WITH(tern::read_file(dir.str()), ContainsSubstring("it is a directory"));
  CHECK_THROWS_AS(tern::read_file(dir / std::string(300, 'x')), tern::IoError);
}

TEST_CASE("file: writing follows symbolic links, and replaces nothing but files", "[core]") {
  const TempDir dir;
  fs::create_directory(dir / "there");
  tern::write_file_atomically(dir / "there/old", std::string_view("old"));
  fs::create_symlink("there/old", dir / "link");
  fs::create_symlink("link", dir / "second");
  tern::write_file_atomically(dir / "second", std::string_view("new"));
  CHECK(fs::is_symlink(dir / "link"));
  CHECK(fs::is_symlink(dir / "second"));
  CHECK(tern::read_text_file(dir / "there/old") == "new");
  fs::create_symlink(dir / "there/fresh", dir / "dangling");
  tern::write_file_atomically(dir / "dangling", std::string_view("made"));
  CHECK(fs::is_symlink(dir / "dangling"));
  CHECK(tern::read_text_file(dir / "there/fresh") == "made");

  const auto refuses = [&](const std::string& name, const char* why) {
    INFO(name);
    CHECK_THROWS_AS(tern::write_file_atomically(dir / name, std::string_view("x")), tern::IoError);
    CHECK_THROWS_WITH(tern::write_file_atomically(dir / name, std::string_view("x")),
                      ContainsSubstring(dir / name) && ContainsSubstring(why));
  };
  refuses("there", "it is a directory");
  fs::create_directory_symlink("there", dir / "folder");
  refuses("folder", "it is a directory");
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  refuses("pipe", "no regular file");
  fs::create_symlink("round", dir / "round");
  refuses("round", "links");
  refuses(std::string(300, 'x'), "");
  CHECK(std::distance(fs::directory_iterator(dir / "there"), fs::directory_iterator()) ==
        2);  // nothing temporary is left
}
