#include "output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace tern::cli {
namespace {

int lost = 0;  // the errno of the first result that could not be written

bool write_and_flush(std::FILE* to, std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), to) == text.size() && std::fflush(to) == 0;
}

}  // namespace

void prepare_output() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    // It gets the number that is free. Standard output stays one that cannot be written to.
    if (::open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) != fd) return;
  }
}

void write_out(std::string_view text) {
  errno = 0;
  if (!write_and_flush(stdout, text) && lost == 0) lost = errno != 0 ? errno : EIO;
}

void write_err(std::string_view text) { static_cast<void>(write_and_flush(stderr, text)); }

int finish_output(int code) {
  write_out("");
  if (lost == 0 && std::ferror(stdout) != 0) lost = EIO;
  if (lost == EPIPE) {
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  }
  if (lost == 0) return code;
  print_err("tern: cannot write to standard output: {}\n", std::strerror(lost));
  return code == 0 ? 1 : code;
}

}  // namespace tern::cli
