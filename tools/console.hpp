// What the verbs share: progress lines, tables, JSON on request, common options.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli.hpp"

namespace tern::cli {

/// Options that every verb has.
struct Common {
  bool json = false;
  bool quiet = false;
  int threads = 0;  ///< 0: all cores
};
/// Adds --json, --quiet, --threads; applies --threads when the verb runs.
void add_common(App& app, Common& common);

/// A line that is rewritten in place on a terminal; silent in a pipe and with --quiet or --json.
class Progress {
 public:
  explicit Progress(const Common& common);
  ~Progress();
  /// Shows `text`, at most ten times a second unless `force`.
  void show(const std::string& text, bool force = false);
  /// "done/all, ETA" for a plain count.
  void count(const std::string& what, std::int64_t done, std::int64_t all);
  void clear();
  bool terminal() const { return terminal_; }

 private:
  bool terminal_ = false;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

std::string duration_text(double seconds);
std::string bytes_text(std::uint64_t bytes);
std::string percent_text(double share);

/// Columns aligned by their widest cell; the first column to the left, the others to the right.
std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);

/// Prints `j` as one line of JSON.
void print_json(const nlohmann::ordered_json& j);

/// True once Ctrl-C (SIGINT) or SIGTERM has arrived; install with watch_interrupts(). A second Ctrl-C ends at once.
void watch_interrupts();
bool interrupted();

/// Folders of the environment variable TERN_DATA.
std::vector<std::string> data_search_path();

}  // namespace tern::cli
