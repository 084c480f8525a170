// Giving up work that takes long: loading of images, passes of a network, evaluation, comparison of runs.
#pragma once

#include <exception>
#include <functional>

#include "tern/public.h"

namespace tern {

/// Thrown by work that was given up, and by nothing else. No Error: nothing is wrong with it.
class TERN_PUBLIC Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// As long as it lives, what this thread does asks `interrupted` before each piece of work (a file, an image, a chunk
/// of parallel_for) from whichever thread does the piece, and throws Interrupted once the answer is true. Of scopes
/// within each other the innermost is asked; one with an empty function lets nothing be given up.
class TERN_PUBLIC Interruptible {
 public:
  explicit Interruptible(std::function<bool()> interrupted);
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  std::function<bool()> interrupted_;
  const std::function<bool()>* outer_;
};

/// What such work calls between its pieces. Errors: Interrupted.
TERN_PUBLIC void expect_no_interrupt();

}  // namespace tern
