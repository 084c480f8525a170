// The errors that tern throws. Everything derives from tern::Error, whose what() is one line:
//   [op] expected ...; got ...
// Nothing in the library prints, exits or aborts.
#pragma once

#include <stdexcept>
#include <string>

#include "tern/public.h"

namespace tern {

/// Base of every exception that the library throws on purpose.
class TERN_PUBLIC Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Shapes that do not fit together. The message holds the offending shapes.
class TERN_PUBLIC ShapeError : public Error {
 public:
  using Error::Error;
};

/// A value or name outside its legal set. The message holds the value and the legal ones.
class TERN_PUBLIC ValueError : public Error {
 public:
  using Error::Error;
};

/// A file whose content is wrong. The message holds path, byte offset and field.
class TERN_PUBLIC FormatError : public Error {
 public:
  using Error::Error;
};

/// The operating system refused: missing file, no permission, disk full. The message holds the path.
class TERN_PUBLIC IoError : public Error {
 public:
  using Error::Error;
};

}  // namespace tern
