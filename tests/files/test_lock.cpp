#include <signal.h>
#include <sys/wait.h>

#include <filesystem>

#include "catch.hpp"
#include "files/lock.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "temp_dir.hpp"

namespace fs = std::filesystem;
using tern::FolderLock;

TEST_CASE("FolderLock: one at a time, until it goes", "[files]") {
  const TempDir dir;
  {
    const FolderLock lock(dir.str());
    CHECK_THROWS_AS(FolderLock(dir.str()), tern::IoError);
    CHECK_THROWS_WITH(FolderLock(dir.str()), ContainsSubstring(dir.str()) &&
                                                 ContainsSubstring("in use by process " + std::to_string(::getpid())));
    fs::create_directory(dir / "other");
    CHECK_NOTHROW(FolderLock(dir / "other"));
  }
  CHECK_NOTHROW(FolderLock(dir.str()));
  CHECK_THROWS_WITH(FolderLock(dir / "absent"), ContainsSubstring("cannot lock") && ContainsSubstring("absent/.lock"));
}

TEST_CASE("FolderLock: dies with its process, and the next holder clears what that one left", "[files]") {
  const TempDir dir;
  int told[2];
  REQUIRE(::pipe(told) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const FolderLock lock(dir.str());
    const bool written = ::write(told[1], "x", 1) == 1;
    for (;;) ::pause();
    ::_exit(written ? 0 : 1);
  }
  char c = 0;
  REQUIRE(::read(told[0], &c, 1) == 1);
  CHECK_THROWS_WITH(FolderLock(dir.str()), ContainsSubstring("in use by process " + std::to_string(child) + " on "));
  tern::write_file_atomically(dir / "net.part-0123456789abcdef", std::string_view("half a network"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK_NOTHROW(FolderLock(dir.str()));
  CHECK_FALSE(fs::exists(dir / "net.part-0123456789abcdef"));
  ::close(told[0]);
  ::close(told[1]);
}

TEST_CASE("FolderLock: a link at its name is not followed", "[files]") {
  const TempDir dir;
  tern::write_file_atomically(dir / "victim", std::string_view("precious"));
  fs::create_symlink("victim", dir / ".lock");
  CHECK_THROWS_AS(FolderLock(dir.str()), tern::IoError);
  CHECK(tern::read_text_file(dir / "victim") == "precious");
}
