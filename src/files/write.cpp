#include "files/write.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <random>

#include "files/descriptor.hpp"

namespace tern {
namespace {

namespace fs = std::filesystem;

// Where a path leads if its last name is a symbolic link, also one to nothing yet: the file is replaced, not the link.
std::string followed(const std::string& path) {
  constexpr int kMaxLinks = 40;
  fs::path at(path);
  std::error_code ec;
  for (int i = 0; fs::is_symlink(fs::symlink_status(at, ec)); ++i) {
    const fs::path target = fs::read_symlink(at, ec);
    if (ec) bad_file("write", path, ec.message());
    if (i == kMaxLinks) bad_file("write", path, "more than " + std::to_string(kMaxLinks) + " links");
    at = at.parent_path() / target;  // an absolute target stands alone
  }
  const fs::file_status there = fs::status(at, ec);
  if (fs::is_directory(there)) bad_file("write", path, "it is a directory");
  if (fs::exists(there) && !fs::is_regular_file(there)) bad_file("write", path, "it is no regular file");
  return at.string();
}

constexpr std::string_view kMark = ".part-", kDigits = "0123456789abcdef";
constexpr std::size_t kMarkDigits = 16, kMaxStem = 200;  // of the 255 bytes that a name may have

bool is_unfinished_name(std::string_view name) {
  if (name.size() < kMark.size() + kMarkDigits) return false;
  const std::string_view tail = name.substr(name.size() - kMark.size() - kMarkDigits);
  return tail.starts_with(kMark) && tail.find_first_not_of(kDigits, kMark.size()) == std::string_view::npos;
}

// Nobody can guess it, so nobody can put a link there; processes of one number in two containers differ too.
std::string unfinished_name(const fs::path& target) {
  std::random_device random;
  std::string name = target.filename().string().substr(0, kMaxStem) + std::string(kMark);
  for (std::size_t i = 0; i < kMarkDigits; ++i) name += kDigits[random() % 16];
  return (target.parent_path() / name).string();
}

// A file that nobody else has, locked as long as its writer lives.
class Unfinished {
 public:
  Unfinished(const std::string& target, const std::string& path) : target_(target), path_(path) {
    struct stat old {};
    const bool replaces = ::stat(target.c_str(), &old) == 0;
    for (int tries = 0; !is_ours(); ++tries) {
      if (tries == 100) bad_file("write", path);
      name_ = unfinished_name(target);
      file_ = Descriptor(::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
      if (!file_.is_open() && errno != EEXIST) bad_file("write", path);
    }
    if (replaces) (void)::fchmod(file_.fd(), old.st_mode & 07777);  // a private file stays private
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }

  const Descriptor& file() const { return file_; }
  void become_target() {
    if (::rename(name_.c_str(), target_.c_str()) != 0) bad_file("write", path_);
    name_.clear();
  }

 private:
  // Between open() and flock() somebody may have cleared it away as a dead writer's.
  bool is_ours() const {
    if (!file_.is_open() || (::flock(file_.fd(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)) return false;
    struct stat info {};
    return ::fstat(file_.fd(), &info) == 0 && info.st_nlink > 0;
  }

  const std::string &target_, &path_;
  std::string name_;
  Descriptor file_;
};

void write_all(const Descriptor& file, std::span<const std::byte> bytes, const std::string& path) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(file.fd(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) bad_file("write", path);
    done += static_cast<std::size_t>(n);
  }
  if (::fsync(file.fd()) != 0) bad_file("sync", path);
}

// A rename lasts only once the folder is on the disk.
void sync_folder_of(const std::string& target) {
  const std::string parent = fs::path(target).parent_path().string(), folder = parent.empty() ? "." : parent;
  const Descriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.is_open() || ::fsync(file.fd()) != 0) bad_file("sync", folder);
}

}  // namespace

void write_file_atomically(const std::string& path, std::span<const std::byte> bytes) {
  const std::string target = followed(path);
  Unfinished unfinished(target, path);
  write_all(unfinished.file(), bytes, path);
  unfinished.become_target();
  sync_folder_of(target);
}

void write_file_atomically(const std::string& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

void append_to_file(const std::string& path, std::string_view text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!file.is_open()) bad_file("write", path);
  write_all(file, std::as_bytes(std::span(text.data(), text.size())), path);
}

void clear_unfinished_files(const std::string& folder) {
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    if (!is_unfinished_name(it->path().filename().string())) continue;
    const Descriptor file(::open(it->path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file.is_open() && ::flock(file.fd(), LOCK_EX | LOCK_NB) == 0) ::unlink(it->path().c_str());
  }
}

}  // namespace tern
