// A folder that one process at a time works in.
#pragma once

#include <string>

#include "files/descriptor.hpp"

namespace tern {

/// Holds the file `.lock` of `folder`, which it makes if there is none and which stays there, until destroyed or until
/// the process ends, however it ends. Taking it clears what dead writers left in the folder (files/write.hpp).
/// Errors: IoError that names folder and holder if another lock, of this process or another, is held there; IoError if
/// the file cannot be made, is a link, or the file system has no locks.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder);

 private:
  Descriptor file_;
};

}  // namespace tern
