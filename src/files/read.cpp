#include "files/read.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <new>

#include "files/descriptor.hpp"
#include "files/map.hpp"

namespace tern {
namespace {

enum class Kind { kAny, kRegular };

class Input {
 public:
  // Non-blocking where only regular files will do: a pipe without a writer is refused, not waited for.
  Input(const std::string& path, Kind kind)
      : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | (kind == Kind::kRegular ? O_NONBLOCK : 0))) {
    if (!file_.is_open()) bad_file("open", path);
    struct stat info {};
    if (::fstat(file_.fd(), &info) != 0) bad_file("read", path);
    if (S_ISDIR(info.st_mode)) bad_file("read", path, "it is a directory");
    regular_ = S_ISREG(info.st_mode);
    if (kind == Kind::kRegular && !regular_) bad_file("read", path, "expected a regular file");
    size_ = static_cast<std::uint64_t>(info.st_size);
  }
  std::uint64_t size() const { return size_; }
  int fd() const { return file_.fd(); }
  /// Pipes and terminals do not say their size, and files of /proc say 0.
  bool has_known_size() const { return regular_ && size_ > 0; }

  /// The first `count` bytes, or fewer if the file has shrunk since.
  template <class Byte>
  std::vector<Byte> read(std::uint64_t count) const {
    std::vector<Byte> bytes;
    append(bytes, count);
    return bytes;
  }

  /// All that comes, and a byte more than `limit` if there is more.
  template <class Byte>
  std::vector<Byte> read_to_end(std::uint64_t limit) const {
    std::vector<Byte> bytes;
    for (std::uint64_t wanted = 1 << 16; bytes.size() <= limit; wanted *= 2) {
      wanted = std::min(wanted, limit + 1 - bytes.size());
      const std::size_t before = bytes.size();
      append(bytes, wanted);
      if (bytes.size() - before < wanted) break;
    }
    return bytes;
  }

 private:
  template <class Byte>
  void append(std::vector<Byte>& bytes, std::uint64_t count) const {
    std::size_t done = bytes.size();
    try {
      bytes.resize(done + static_cast<std::size_t>(count));
    } catch (const std::bad_alloc&) {
      bad_file("read", path_, "not enough memory for its " + std::to_string(done + count) + " bytes");
    }
    while (done < bytes.size()) {
      const ssize_t n = ::read(file_.fd(), bytes.data() + done, bytes.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) bad_file("read", path_);
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

void expect_at_most(std::uint64_t max_bytes, std::uint64_t bytes, const std::string& path, const char* at_least) {
  if (bytes <= max_bytes) return;
  throw FormatError("[file] \"" + printable(path, kMaxPathShown) + "\" has " + at_least + std::to_string(bytes) +
                    " bytes; expected at most " + std::to_string(max_bytes));
}

template <class Byte>
std::vector<Byte> read_whole(const std::string& path, std::uint64_t max_bytes, const Input& file) {
  if (file.has_known_size()) {
    expect_at_most(max_bytes, file.size(), path, "");
    return file.read<Byte>(file.size());
  }
  std::vector<Byte> bytes = file.read_to_end<Byte>(max_bytes);
  expect_at_most(max_bytes, bytes.size(), path, "at least ");
  return bytes;
}

}  // namespace

template <class Byte>
std::vector<Byte> read_file(const std::string& path, std::uint64_t max_bytes) {
  return read_whole<Byte>(path, max_bytes, Input(path, Kind::kAny));
}
template std::vector<std::byte> read_file(const std::string&, std::uint64_t);
template std::vector<std::uint8_t> read_file(const std::string&, std::uint64_t);

template <class Byte>
std::vector<Byte> read_regular_file(const std::string& path, std::uint64_t max_bytes) {
  return read_whole<Byte>(path, max_bytes, Input(path, Kind::kRegular));
}
template std::vector<std::byte> read_regular_file(const std::string&, std::uint64_t);
template std::vector<std::uint8_t> read_regular_file(const std::string&, std::uint64_t);

std::string read_text_file(const std::string& path, std::uint64_t max_bytes) {
  const std::vector<std::byte> bytes = read_file(path, max_bytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

MappedFile::MappedFile(const std::string& path, std::uint64_t max_bytes) {
  const Input file(path, Kind::kRegular);
  if (file.has_known_size()) {
    expect_at_most(max_bytes, file.size(), path, "");
    const auto size = static_cast<std::size_t>(file.size());
    void* const at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd(), 0);
    mapped_ = at != MAP_FAILED;
    if (mapped_) bytes_ = {static_cast<const std::byte*>(at), size};
  }
  if (mapped_) return;
  read_ = read_whole<std::byte>(path, max_bytes, file);
  bytes_ = read_;
}

MappedFile::~MappedFile() {
  if (mapped_) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

FileStart read_file_start(const std::string& path, std::uint64_t count) {
  const Input file(path, Kind::kRegular);
  return {file.read<std::byte>(std::min(count, file.size())), file.size()};
}

std::vector<std::byte> read_file_with_magic(const std::string& path, std::string_view magic, std::uint64_t max_bytes) {
  std::vector<std::byte> start = read_file_start(path, 64).bytes;
  const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
  return text.starts_with(magic) ? read_regular_file(path, max_bytes) : start;
}

}  // namespace tern
