#include "files/lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <array>

#include "files/write.hpp"

namespace tern {
namespace {

std::string this_process() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return "process " + std::to_string(::getpid()) + " on " + host.data();
}

std::string holder(const Descriptor& file) {
  std::array<char, 300> text{};
  const ssize_t n = ::pread(file.fd(), text.data(), text.size(), 0);
  return n > 0 ? printable({text.data(), static_cast<std::size_t>(n)}, text.size()) : "another process";
}

}  // namespace

FolderLock::FolderLock(const std::string& folder) {
  const std::string path = folder + "/.lock";
  file_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666));
  if (!file_.is_open()) bad_file("lock", path);
  // The lock belongs to the open file, which a child that was only forked shares: nothing here forks.
  if (::flock(file_.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) bad_file("lock", path);
    throw IoError("[lock] \"" + printable(folder, kMaxPathShown) + "\" is in use by " + holder(file_) +
                  "; wait for its end, or work in another folder");
  }
  const std::string name = this_process();
  const auto written = static_cast<std::size_t>(::pwrite(file_.fd(), name.data(), name.size(), 0));
  if (written == name.size()) (void)::ftruncate(file_.fd(), static_cast<off_t>(name.size()));
  clear_unfinished_files(folder);
}

}  // namespace tern
