// An open file that closes on every way out, and the errors of the system's calls on it.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "core/printable.hpp"
#include "tern/error.hpp"

namespace tern {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

[[noreturn]] inline void bad_file(const std::string& verb, const std::string& path, const std::string& why) {
  throw IoError("[file] cannot " + verb + " \"" + printable(path, kMaxPathShown) + "\": " + why);
}
/// With the reason in errno.
[[noreturn]] inline void bad_file(const std::string& verb, const std::string& path) {
  bad_file(verb, path, std::strerror(errno));
}

}  // namespace tern
