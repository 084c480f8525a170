#include "core/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>

#include "tern/error.hpp"

namespace tern {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path) {
  throw IoError("[file] cannot " + what + " \"" + path + "\": " + std::strerror(errno));
}

// Closes on every way out.
struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

class Input {
 public:
  explicit Input(const std::string& path) : path_(path), file_{::open(path.c_str(), O_RDONLY | O_CLOEXEC)} {
    if (file_.fd < 0) fail("open", path);
    struct stat info {};
    if (::fstat(file_.fd, &info) != 0) fail("read", path);
    if (S_ISDIR(info.st_mode)) throw IoError("[file] cannot read \"" + path + "\": it is a directory");
    size_ = static_cast<std::uint64_t>(info.st_size);
  }
  std::uint64_t size() const { return size_; }

  /// The first `count` bytes, or fewer if the file has shrunk since.
  std::vector<std::byte> read(std::uint64_t count) const {
    std::vector<std::byte> bytes;
    try {
      bytes.resize(static_cast<std::size_t>(count));
    } catch (const std::bad_alloc&) {
      throw IoError("[file] cannot read \"" + path_ + "\": not enough memory for its " + std::to_string(count) + " bytes");
    }
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = ::read(file_.fd, bytes.data() + done, bytes.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("read", path_);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    bytes.resize(done);
    return bytes;
  }

 private:
  const std::string& path_;
  Descriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace

std::vector<std::byte> read_file(const std::string& path, std::uint64_t max_bytes) {
  const Input file(path);
  if (file.size() > max_bytes) {
    throw FormatError("[file] \"" + path + "\" has " + std::to_string(file.size()) + " bytes; expected at most " +
                      std::to_string(max_bytes));
  }
  return file.read(file.size());
}

FileStart read_file_start(const std::string& path, std::uint64_t count) {
  const Input file(path);
  return {file.read(std::min(count, file.size())), file.size()};
}

std::vector<std::byte> read_file_with_magic(const std::string& path, std::string_view magic, std::uint64_t max_bytes) {
  std::vector<std::byte> start = read_file_start(path, 64).bytes;
  const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
  return text.starts_with(magic) ? read_file(path, max_bytes) : start;
}

std::string read_text_file(const std::string& path, std::uint64_t max_bytes) {
  const std::vector<std::byte> bytes = read_file(path, max_bytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

namespace {

void write_all(const Descriptor& file, std::span<const std::byte> bytes, const std::string& path) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(file.fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write", path);
    done += static_cast<std::size_t>(n);
  }
  if (::fsync(file.fd) != 0) fail("sync", path);
}

}  // namespace

void write_file_atomically(const std::string& path, std::span<const std::byte> bytes) {
  const std::string temporary = path + ".part" + std::to_string(::getpid());
  try {
    Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (file.fd < 0) fail("write", path);
    write_all(file, bytes, path);
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail("write", path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  // The rename itself lasts only once the directory is on disk.
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const Descriptor directory{::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.fd >= 0) ::fsync(directory.fd);
}

void write_file_atomically(const std::string& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

void append_to_file(const std::string& path, std::string_view text) {
  const Descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)};
  if (file.fd < 0) fail("write", path);
  write_all(file, std::as_bytes(std::span(text.data(), text.size())), path);
}

}  // namespace tern
