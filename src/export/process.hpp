// Running another program.
#pragma once

#include <string>
#include <vector>

namespace tern {

/// Runs a program, found by PATH, with files as its standard streams; waits for it; returns its exit status, or 128 +
/// the signal that ended it. Errors: IoError if a file cannot be opened or the program cannot be started.
struct Streams {
  std::string in = "/dev/null", out = "/dev/null", error = "/dev/null";
};
int run_program(const std::vector<std::string>& command, const Streams& streams);

}  // namespace tern
