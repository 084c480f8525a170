// Where the program writes: results to standard output, news and errors to standard error.
#pragma once

#include <fmt/core.h>

#include <string_view>
#include <utility>

namespace tern::cli {

/// First of all: files must not get the numbers of standard streams that are closed, and a reader that has gone or a
/// limit of size must fail a write, not end the program.
void prepare_output();

/// A result, on its way at once. What cannot be written does not end the work: finish_output() tells.
void write_out(std::string_view text);
/// Lost where standard error is closed or full.
void write_err(std::string_view text);

template <class... T>
void print_out(fmt::format_string<T...> format, T&&... values) {
  write_out(fmt::format(format, std::forward<T>(values)...));
}
template <class... T>
void print_err(fmt::format_string<T...> format, T&&... values) {
  write_err(fmt::format(format, std::forward<T>(values)...));
}

/// Last of all. The exit code: `code`, but 1 after a line on standard error instead of 0 if a result could not be
/// written. Ends by SIGPIPE if its reader had gone, as everyone behind a pipe does.
int finish_output(int code);

}  // namespace tern::cli
