// What the verbs share: progress lines, tables, JSON on request, common options.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli.hpp"
#include "output.hpp"
#include "text.hpp"

namespace tern::cli {

/// Options that every verb has.
struct Common {
  bool json = false;
  bool quiet = false;
  int threads = 0;  ///< 0: all cores
};
/// Adds --json, --quiet, --threads; applies --threads when the verb runs.
void add_common(App& app, Common& common);

/// A line that is rewritten in place on a terminal, cut to its width; in a pipe a line a minute; silent with --quiet or
/// --json.
class Progress {
 public:
  explicit Progress(const Common& common);
  ~Progress();
  /// Shows `text`, on a terminal at most ten times a second unless `force`.
  void show(const std::string& text, bool force = false);
  /// "done/all, ETA" for a plain count.
  void count(const std::string& what, std::int64_t done, std::int64_t all);
  void clear();
  bool terminal() const { return terminal_; }

 private:
  bool quiet_ = false, terminal_ = false;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

/// Columns that texts and tables on standard output may take: the terminal's, between 40 and 120; 100 in a pipe.
std::size_t output_columns();

/// Prints `j` as one line of JSON.
void print_json(const nlohmann::ordered_json& j);

/// Writes `text`, if it can be written: work is dearer than its messages, whose terminal may be closed or whose disk
/// full.
void say(std::FILE* to, const std::string& text);

/// Lets work end in order: from now on SIGINT, SIGTERM and SIGHUP are only remembered, a second SIGINT or SIGTERM ends
/// at once. A program that was started to ignore SIGHUP (nohup) ignores it, and one whose output nobody reads goes on.
void watch_interrupts();
/// True once a signal has arrived.
bool interrupted();
/// What the program exits with when its work is done: 0, or 128 + the signal if it was interrupted.
int exit_status();

/// Folders of the environment variable TERN_DATA.
std::vector<std::string> data_search_path();

}  // namespace tern::cli
