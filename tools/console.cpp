#include "console.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

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

Progress::Progress(const Common& common)
    : terminal_(!common.quiet && !common.json && ::isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() { clear(); }

void Progress::show(const std::string& text, bool force) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || (!force && shown_ && now - last_ < std::chrono::milliseconds(100))) return;
  fmt::print(stderr, "\r\033[K{}", text);
  std::fflush(stderr);
  shown_ = true;
  last_ = now;
}

void Progress::count(const std::string& what, std::int64_t done, std::int64_t all) {
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double eta = done > 0 ? elapsed / static_cast<double>(done) * static_cast<double>(all - done) : 0.0;
  show(fmt::format("{}  {}/{}  ETA {}", what, done, all, duration_text(eta)));
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

std::string duration_text(double seconds) {
  const auto s = static_cast<std::int64_t>(std::max(0.0, seconds) + 0.5);
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
  return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
}

std::string bytes_text(std::uint64_t bytes) {
  const auto b = static_cast<double>(bytes);
  if (bytes < 10 * 1024) return fmt::format("{} B", bytes);
  if (bytes < 10 * 1024 * 1024) return fmt::format("{:.1f} KiB", b / 1024);
  return fmt::format("{:.1f} MiB", b / (1024 * 1024));
}

std::string percent_text(double share) { return fmt::format("{:.2f} %", 100 * share); }

std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width(head.size());
  for (std::size_t c = 0; c < head.size(); ++c) {
    width[c] = head[c].size();
    for (const auto& row : rows) width[c] = std::max(width[c], row.at(c).size());
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string out;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      out += c == 0 ? fmt::format("{:<{}}", cells[c], width[c]) : fmt::format("  {:>{}}", cells[c], width[c]);
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out + "\n";
  };
  std::size_t total = 0;
  for (const std::size_t w : width) total += w + 2;
  std::string out = line(head) + std::string(total - 2, '-') + "\n";
  for (const auto& row : rows) out += line(row);
  return out;
}

void print_json(const nlohmann::ordered_json& j) {
  fmt::print("{}\n", j.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

namespace {
volatile std::sig_atomic_t signals_seen = 0;
void on_signal(int signal) {
  signals_seen = signals_seen + 1;
  if (signals_seen > 1) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}
}  // namespace

void watch_interrupts() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}
bool interrupted() { return signals_seen != 0; }

std::vector<std::string> data_search_path() { return split_path_list(environment("TERN_DATA")); }

}  // namespace tern::cli
