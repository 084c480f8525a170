#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <set>
#include <thread>

#include "catch.hpp"
#include "files/map.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "requested_bytes.hpp"
#include "temp_dir.hpp"
#include "tern/error.hpp"

namespace fs = std::filesystem;

namespace {

std::function<int(int)> instead_of_fsync;  // what the writer meets when it syncs

// What stands in a folder, but for `known`.
std::vector<std::string> others(const std::string& folder, const std::set<std::string>& known) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!known.contains(entry.path().filename().string())) names.push_back(entry.path().filename().string());
  }
  return names;
}

}  // namespace

extern "C" int fsync(int fd) {
  if (instead_of_fsync) return instead_of_fsync(fd);
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

TEST_CASE("file: pipes are read to their end, within the caller's limit", "[files]") {
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
  CHECK_THROWS_WITH(tern::read_regular_file(path), ContainsSubstring("expected a regular file"));  // without a writer

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

TEST_CASE("file: sizes of regular files", "[files]") {
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

TEST_CASE("file: a mapped file has the bytes of a read one, without a copy", "[files]") {
  const TempDir dir;
  const std::string path = dir / "big", empty = dir / "empty";
  std::string text(1 << 20, 'x');
  text[12345] = 'y';
  tern::write_file_atomically(path, text);
  tern::write_file_atomically(empty, std::string());
  const auto before = tern::testing::requested_bytes();
  const tern::MappedFile file(path);
  CHECK(tern::testing::requested_bytes() - before < 4096);
  CHECK(std::string_view(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()) == text);
  CHECK(tern::MappedFile(empty).bytes().empty());
  CHECK(tern::MappedFile("/proc/self/status").bytes().size() > 100);
  CHECK_THROWS_AS(tern::MappedFile(path, text.size() - 1), tern::FormatError);
  CHECK_THROWS_AS(tern::MappedFile(dir / "none"), tern::IoError);
  CHECK_THROWS_AS(tern::MappedFile("/proc"), tern::IoError);
}

TEST_CASE("file: writing follows symbolic links, and replaces nothing but files", "[files]") {
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

TEST_CASE("file: the name that is written to first is new and unlike all others", "[files]") {
  const TempDir dir;
  const std::string path = dir / "net";
  tern::write_file_atomically(dir / "victim", std::string_view("precious"));
  fs::create_symlink("victim", path + ".part" + std::to_string(::getpid()));
  std::set<std::string> known{"victim", "net", "net.part" + std::to_string(::getpid())}, seen;
  instead_of_fsync = [&](int) {
    for (const std::string& name : others(dir.str(), known)) seen.insert(name);
    return 0;
  };
  for (int i = 0; i < 20; ++i) tern::write_file_atomically(path, std::string_view("new"));
  instead_of_fsync = nullptr;
  CHECK(seen.size() == 20);
  CHECK(others(dir.str(), known).empty());
  CHECK(tern::read_text_file(dir / "victim") == "precious");
  CHECK(tern::read_text_file(path) == "new");
  tern::write_file_atomically(dir / std::string(255, 'x'), std::string_view("the longest name"));
}

TEST_CASE("file: what cannot be synced is said, be it the file or its folder", "[files]") {
  const TempDir dir;
  const std::string path = dir / "net";
  tern::write_file_atomically(path, std::string_view("old"));
  const auto fails_for = [&](bool folders) {
    instead_of_fsync = [folders](int fd) {
      struct stat info {};
      if (::fstat(fd, &info) != 0 || S_ISDIR(info.st_mode) != folders) return 0;
      errno = EIO;
      return -1;
    };
    CHECK_THROWS_WITH(tern::write_file_atomically(path, std::string_view("new")),
                      ContainsSubstring("cannot sync") && ContainsSubstring(folders ? dir.str() : path));
    instead_of_fsync = nullptr;
    CHECK(others(dir.str(), {"net"}).empty());
  };
  fails_for(false);
  CHECK(tern::read_text_file(path) == "old");
  fails_for(true);
  CHECK(tern::read_text_file(path) == "new");
}

TEST_CASE("file: a private file stays private when it is replaced", "[files]") {
  const TempDir dir;
  tern::write_file_atomically(dir / "x", std::string_view("old"));
  fs::permissions(dir / "x", fs::perms::owner_read | fs::perms::owner_write);
  tern::write_file_atomically(dir / "x", std::string_view("new"));
  CHECK(fs::status(dir / "x").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("file: what dead writers left is cleared, what living ones write is not", "[files]") {
  const TempDir dir;
  const pid_t child = ::fork();
  if (child == 0) {
    instead_of_fsync = [](int) { return ::raise(SIGKILL); };
    tern::write_file_atomically(dir / "net", std::string_view("half"));
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  REQUIRE(others(dir.str(), {}).size() == 1);
  const std::string alike[] = {"net.part-0123456789abcdeX", "net.part-0123456789abcde", "part-0123456789abcdef"};
  for (const std::string& name : alike) tern::write_file_atomically(dir / name, std::string_view("mine"));
  instead_of_fsync = [&](int fd) {
    tern::clear_unfinished_files(dir.str());
    return static_cast<int>(::syscall(SYS_fsync, fd));
  };
  tern::write_file_atomically(dir / "net", std::string_view("whole"));
  instead_of_fsync = nullptr;
  CHECK(tern::read_text_file(dir / "net") == "whole");
  CHECK(others(dir.str(), {"net", alike[0], alike[1], alike[2]}).empty());
  CHECK_NOTHROW(tern::clear_unfinished_files(dir / "absent"));
}
