#include "console.hpp"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "tern/cpu.hpp"
#include "tern/data.hpp"
#include "tern/parallel.hpp"

namespace tern::cli {

void add_common(App& app, Common& common) {
  app.add_flag("--json", common.json, "Report as JSON on standard output");
  app.add_flag("--quiet,-q", common.quiet, "No progress, no notes");
  app.add_option("--threads", common.threads, "Threads to use; default: all cores")
      ->check(Range(1, 1024))
      ->each([](const std::string& n) { set_num_threads(std::stoi(n)); });
}

namespace {

// Of the terminal that `file` is; 0: it is none, or does not tell.
std::size_t terminal_columns(int file) {
  winsize size{};
  return ::isatty(file) != 0 && ::ioctl(file, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

constexpr std::size_t kPipeColumns = 100, kFewestColumns = 40, kMostColumns = 120;

}  // namespace

std::size_t output_columns() {
  const std::size_t columns = terminal_columns(STDOUT_FILENO);
  return columns == 0 ? kPipeColumns : std::clamp(columns, kFewestColumns, kMostColumns);
}

Progress::Progress(const Common& common)
    : quiet_(common.quiet || common.json),
      terminal_(!quiet_ && ::isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()),
      last_(start_) {}

Progress::~Progress() { clear(); }

void Progress::show(const std::string& text, bool force) {
  if (quiet_) return;
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_) {
    if (now - last_ < std::chrono::minutes(1)) return;
    print_err("{}\n", text);
  } else {
    if (!force && shown_ && now - last_ < std::chrono::milliseconds(100)) return;
    // The last column stays free: some terminals wrap once it is filled.
    const std::size_t columns = terminal_columns(STDERR_FILENO);
    print_err("\r\033[K{}", columns > 1 ? cut(text, columns - 1) : text);
    shown_ = true;
  }
  last_ = now;
}

void Progress::count(const std::string& what, std::int64_t done, std::int64_t all) {
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double eta = done > 0 ? elapsed / static_cast<double>(done) * static_cast<double>(all - done) : 0.0;
  show(fmt::format("{}  {}/{}  ETA {}", what, done, all, duration_text(eta)));
}

void Progress::clear() {
  if (!shown_) return;
  print_err("\r\033[K");
  shown_ = false;
}

void print_json(const nlohmann::ordered_json& j) {
  print_out("{}\n", j.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

namespace {
volatile std::sig_atomic_t first_signal = 0, calls_to_end = 0, on_terminal = 0;
// A step may take long: whoever sits at the terminal is told at once.
void tell() {
  constexpr std::string_view kText = "\nends behind this step; Ctrl-C again: at once\n";
  const int kept = errno;
  if (on_terminal) static_cast<void>(!::write(STDERR_FILENO, kText.data(), kText.size()));
  errno = kept;
}
void on_signal(int signal) {
  if (first_signal == 0) {
    first_signal = signal;
    if (signal == SIGINT) tell();
  }
  if (signal == SIGHUP) return;  // shell and kernel may both say that the terminal is gone
  calls_to_end = calls_to_end + 1;
  if (calls_to_end > 1) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}
}  // namespace

void watch_interrupts() {
  on_terminal = ::isatty(STDERR_FILENO);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  if (std::signal(SIGHUP, on_signal) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
}
bool interrupted() { return first_signal != 0; }
int exit_status() { return interrupted() ? 128 + static_cast<int>(first_signal) : 0; }

std::vector<std::string> data_search_path() { return split_path_list(environment("TERN_DATA")); }

}  // namespace tern::cli
