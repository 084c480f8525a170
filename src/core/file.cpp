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
    regular_ = S_ISREG(info.st_mode);
  }
  std::uint64_t size() const { return size_; }
  bool is_regular() const { return regular_; }
  /// Pipes and terminals do not say their size, and files of /proc say 0.
  bool has_known_size() const { return regular_ && size_ > 0; }

  /// The first `count` bytes, or fewer if the file has shrunk since.
  std::vector<std::byte> read(std::uint64_t count) const {
    std::vector<std::byte> bytes;
    append(bytes, count);
    return bytes;
  }

  /// All that comes, and a byte more than `limit` if there is more.
  std::vector<std::byte> read_to_end(std::uint64_t limit) const {
    std::vector<std::byte> bytes;
    for (std::uint64_t wanted = 1 << 16; bytes.size() <= limit; wanted *= 2) {
      wanted = std::min(wanted, limit + 1 - bytes.size());
      const std::size_t before = bytes.size();
      append(bytes, wanted);
      if (bytes.size() - before < wanted) break;
    }
    return bytes;
  }

 private:
  void append(std::vector<std::byte>& bytes, std::uint64_t count) const {
    std::size_t done = bytes.size();
    try {
      bytes.resize(done + static_cast<std::size_t>(count));
    } catch (const std::bad_alloc&) {
      throw IoError("[file] cannot read \"" + path_ + "\": not enough memory for its " + std::to_string(done + count) +
                    " bytes");
    }
    while (done < bytes.size()) {
      const ssize_t n = ::read(file_.fd, bytes.data() + done, bytes.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("read", path_);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    bytes.resize(done);
  }

  const std::string& path_;
  Descriptor file_;
  std::uint64_t size_ = 0;
  bool regular_ = false;
};

// Where a path leads if its last name is a symbolic link, also one to nothing yet: the file is replaced, not the link.
std::string followed(const std::string& path) {
  namespace fs = std::filesystem;
  constexpr int kMaxLinks = 40;
  fs::path at(path);
  std::error_code ec;
  for (int i = 0; fs::is_symlink(fs::symlink_status(at, ec)); ++i) {
    const fs::path target = fs::read_symlink(at, ec);
    if (ec) throw IoError("[file] cannot write \"" + path + "\": " + ec.message());
    if (i == kMaxLinks)
      throw IoError("[file] cannot write \"" + path + "\": more than " + std::to_string(kMaxLinks) + " links");
    at = at.parent_path() / target;  // an absolute target stands alone
  }
  const fs::file_status there = fs::status(at, ec);
  if (fs::is_directory(there)) throw IoError("[file] cannot write \"" + path + "\": it is a directory");
  if (fs::exists(there) && !fs::is_regular_file(there))
    throw IoError("[file] cannot write \"" + path + "\": it is no regular file");
  return at.string();
}

}  // namespace

std::vector<std::byte> read_file(const std::string& path, std::uint64_t max_bytes) {
  const Input file(path);
  const auto check = [&](std::uint64_t bytes, const char* at_least) {
    if (bytes <= max_bytes) return;
    throw FormatError("[file] \"" + path + "\" has " + at_least + std::to_string(bytes) + " bytes; expected at most " +
                      std::to_string(max_bytes));
  };
  if (file.has_known_size()) {
    check(file.size(), "");
    return file.read(file.size());
  }
  std::vector<std::byte> bytes = file.read_to_end(max_bytes);
  check(bytes.size(), "at least ");
  return bytes;
}

FileStart read_file_start(const std::string& path, std::uint64_t count) {
  const Input file(path);
  if (!file.is_regular())
    throw IoError("[file] cannot read \"" + path + "\": expected a regular file, whose size is known");
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
  const std::string target = followed(path), temporary = target + ".part" + std::to_string(::getpid());
  try {
    Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (file.fd < 0) fail("write", path);
    write_all(file, bytes, path);
    if (::rename(temporary.c_str(), target.c_str()) != 0) fail("write", path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  // The rename itself lasts only once the directory is on disk.
  const std::string parent = std::filesystem::path(target).parent_path().string();
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
