// Reading and writing whole files, and the bounded reader. Refuses anything that is not a regular file.
#include "data/bytes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "core/printable.hpp"

namespace tern::data {
namespace {

constexpr std::size_t kMaxPath = 4096;  // in messages, where it may go on with the name of a member

[[noreturn]] void bad_io(const char* op, const std::string& path, const std::string& what) {
  throw IoError(std::string("[") + op + "] " + printable(path, kMaxPath) + ": " + what);
}

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Bytes read_file(const std::string& path) {
  constexpr const char* kOp = "read_file";
  // Non-blocking, so that opening a FIFO put in place of a data file fails below and does not hang here.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) bad_io(kOp, path, std::strerror(errno));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) bad_io(kOp, path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) bad_io(kOp, path, "expected a regular file");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > kMaxFileBytes) {
    bad_format(kOp, path, 0, "size",
               "expected at most " + std::to_string(kMaxFileBytes) + " bytes; got " + std::to_string(size));
  }
  Bytes bytes;
  try {
    bytes.resize(static_cast<std::size_t>(size));
  } catch (const std::bad_alloc&) {
    bad_io(kOp, path, "not enough memory for its " + std::to_string(size) + " bytes");
  }
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) bad_io(kOp, path, std::strerror(errno));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

void write_file_atomic(const std::string& path, ByteView bytes) {
  constexpr const char* kOp = "write_file";
  const std::string temporary = path + ".tmp" + std::to_string(::getpid());
  const auto give_up = [&](const char* what) {
    const std::string reason = std::string(what) + ": " + std::strerror(errno);
    ::unlink(temporary.c_str());
    bad_io(kOp, path, reason);
  };
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) bad_io(kOp, path, std::string("cannot create: ") + std::strerror(errno));
  {
    const Descriptor file(fd);
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) give_up("cannot write");
      done += static_cast<std::size_t>(n);
    }
    if (::fsync(fd) != 0) give_up("cannot sync");
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) give_up("cannot rename");
}

void bad_format(const char* op, const std::string& path, std::uint64_t offset, const std::string& field,
                const std::string& detail) {
  throw FormatError(std::string("[") + op + "] " + printable(path, kMaxPath) + ": byte " + std::to_string(offset) +
                    ": " + field + ": " + detail);
}

std::uint32_t ByteReader::u32_big_endian(const char* field) {
  const ByteView b = take(4, field);
  return (std::uint32_t{b[0]} << 24) | (std::uint32_t{b[1]} << 16) | (std::uint32_t{b[2]} << 8) | b[3];
}

ByteView ByteReader::take(std::uint64_t n, const char* field) {
  if (n > left()) {
    fail(field, "expected " + std::to_string(n) + " bytes; got the end of the file after " + std::to_string(left()));
  }
  const ByteView result = bytes_.subspan(offset_, static_cast<std::size_t>(n));
  offset_ += static_cast<std::size_t>(n);
  return result;
}

void ByteReader::expect_end() const {
  if (left() != 0) fail("end", "expected the end of the file; got " + std::to_string(left()) + " more bytes");
}

void ByteReader::fail(const std::string& field, const std::string& detail) const {
  bad_format(op_, path_, offset_, field, detail);
}

}  // namespace tern::data
