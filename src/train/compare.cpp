#include "tern/compare.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>

#include "files/json.hpp"
#include "files/lock.hpp"
#include "files/read.hpp"
#include "files/write.hpp"
#include "tern/convert.hpp"
#include "tern/error.hpp"
#include "tern/interrupt.hpp"
#include "train/diverged.hpp"
#include "train/internal.hpp"
#include "train/run.hpp"

namespace tern {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::string file_name_of(const MethodPair& pair, std::int64_t seed) {
  std::string name = pair.weights + "_" + pair.acts + "_seed" + std::to_string(seed);
  for (char& c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    if (!plain) c = '-';
  }
  return name;
}

// What a finished run leaves in result.json.
struct RunResult {
  double accuracy = 0, loss = 0, seconds = 0;
  std::vector<double> zero_shares;
  std::int64_t packed_bytes = 0;
  std::string diverged;  // what says so; "" if nothing does
};

// One line of a file of results. Anybody may have edited it: `where` begins the errors.
class ResultLine {
 public:
  ResultLine(ordered_json root, const std::string& path, int line)
      : where_("[compare] " + path + ", line " + std::to_string(line) + ": "), root_(std::move(root)) {
    if (root_.is_discarded()) fail("not JSON");
  }

  const ordered_json& at(const ordered_json& object, const char* key) const {
    const auto it = object.find(key);
    if (it == object.end()) fail(std::string("expected the key \"") + key + "\"");
    return *it;
  }
  const ordered_json& at(const char* key) const { return at(root_, key); }
  double number(const ordered_json& value, const char* key, double high) const {
    const double v = value.is_number() ? value.get<double>() : -1;
    if (!(v >= 0 && v <= high)) fail(fmt::format("expected a number in 0 .. {:g} for \"{}\"", high, key));
    return v;
  }
  double seconds() const { return number(at("seconds"), "seconds", 1e10); }
  double accuracy(const ordered_json& object) const { return number(at(object, "accuracy"), "accuracy", 1); }
  /// JSON has no number for a loss that is not finite: it is null.
  double loss(const ordered_json& object) const {
    const ordered_json& value = at(object, "loss");
    if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
    return number(value, "loss", static_cast<double>(std::numeric_limits<float>::max()));
  }
  std::string diverged() const {
    const auto it = root_.find("diverged");  // which older results do not have
    if (it == root_.end()) return "";
    if (!it->is_string()) fail("expected a text for \"diverged\"");
    return it->get<std::string>();
  }
  const ordered_json& root() const { return root_; }
  [[noreturn]] void fail(const std::string& why) const { throw FormatError(where_ + why); }

 private:
  std::string where_;
  ordered_json root_;
};

// `epoch`: the last one.
RunResult measure(const std::string& dir, const TrainConfig& config, std::int64_t epoch) {
  RunResult r;
  const std::string path = dir + "/metrics.jsonl";
  std::optional<ResultLine> last;
  for_each_json_line<ordered_json>(read_text_file(path), [&](ordered_json line, int number) {
    r.seconds += last.emplace(std::move(line), path, number).seconds();
  });
  if (!last) throw FormatError("[compare] " + path + ": expected a line an epoch; it is empty");
  const ordered_json& test = last->at("test");
  if (last->at("epoch") != epoch) {
    last->fail("expected the line of epoch " + std::to_string(epoch) +
               " last; it could not be written. Remove the folder to run it again");
  }
  r.accuracy = last->accuracy(test);
  r.loss = last->loss(test);
  TrainedRun run = load_run(dir, "last");
  for (const LayerHealth& h : network_health(run.network, {})) {
    if (!h.shares.empty()) r.zero_shares.push_back(h.shares[h.shares.size() / 2]);
  }
  r.packed_bytes = static_cast<std::int64_t>(packed::encode(pack(run.network, {{"model", config.model}})).size());
  r.diverged = hopeless(r.loss, run.network.output_shape().numel());
  const ordered_json j{{"accuracy", r.accuracy},         {"loss", r.loss},
                       {"seconds", r.seconds},           {"zero_shares", r.zero_shares},
                       {"packed_bytes", r.packed_bytes}, {"diverged", r.diverged}};
  write_file_atomically(dir + "/result.json", j.dump() + "\n");
  return r;
}

RunResult read_result(const std::string& dir) {
  const std::string path = dir + "/result.json";
  try {
    const ResultLine line(parse_json<ordered_json>(read_text_file(path, 1 << 20)), path, 1);
    RunResult r{line.accuracy(line.root()), line.loss(line.root()), line.seconds(), {}, 0, line.diverged()};
    const ordered_json& shares = line.at("zero_shares");
    if (!shares.is_array()) line.fail("expected a list for \"zero_shares\"");
    for (const ordered_json& share : shares) r.zero_shares.push_back(line.number(share, "zero_shares", 1));
    r.packed_bytes = static_cast<std::int64_t>(line.number(line.at("packed_bytes"), "packed_bytes", 1e12));
    return r;
  } catch (const FormatError& e) {
    throw FormatError(std::string(e.what()) + "; remove the file to measure the run again");
  }
}

// A run of the table.
struct Cell {
  MethodPair pair;
  std::int64_t seed = 0;
  TrainConfig config;
  std::string dir;
  bool started = false;
  bool finished() const { return fs::exists(fs::path(dir) / "result.json"); }
  std::string name() const { return pair.str() + ", seed " + std::to_string(seed); }
};

// A cell that was started keeps what it found out then. Errors: ValueError if it has other settings.
void take_up(Cell& cell, const ComparePlan& plan) {
  const std::string path = cell.dir + "/config.toml";
  cell.started = fs::exists(path);
  if (!cell.started) return;
  TrainConfig& config = cell.config;
  const std::string text = read_text_file(path);
  const TrainConfig saved = TrainConfig::parse(text, path);
  config = with_whole_paths(std::move(config));
  if (saved.data.starts_with(config.data + ",split=")) config.data = saved.data;  // as it was said to be split
  if (!config.from.empty()) {  // a warm start takes the normalisation over
    if (config.mean.empty()) config.mean = saved.mean;
    if (config.std.empty()) config.std = saved.std;
  }
  if (text == config.toml()) return;
  throw ValueError("[compare] " + cell.dir + " holds a run with other settings; choose another directory than " +
                   plan.directory);
}

// By pair, then by seed.
std::vector<Cell> cells_of(const ComparePlan& plan) {
  const fs::path directory = plan.directory;
  std::vector<Cell> cells;
  for (const MethodPair& pair : plan.pairs) {
    for (const std::int64_t seed : plan.seeds) {
      Cell cell{pair, seed, plan.recipe, (directory / file_name_of(pair, seed)).string()};
      cell.config.weights = pair.weights;
      cell.config.acts = pair.acts;
      cell.config.seed = seed;
      if (plan.warm_start && !pair.is_fp32())
        cell.config.from = (directory / file_name_of(plan.pairs[0], seed)).string();
      take_up(cell, plan);
      cells.push_back(std::move(cell));
    }
  }
  return cells;
}

// One table, one data set, one way to sum. Errors: those of expect_unchanged().
void expect_one_table(const std::vector<Cell>& cells, const ComparePlan& plan, const CompareCallbacks& callbacks) {
  std::optional<DataRecord> data;
  for (const Cell& cell : cells) {
    const RunDirectory directory(cell.dir, "compare");
    if (!directory.has_checkpoint()) {
      if (!cell.finished() || plan.recipe.resume_anyway) continue;
      throw IoError("[compare] \"" + cell.dir + "\" is finished, but without its last.safetensors nothing tells on " +
                    "which data; remove the folder to run it again, or go on with --resume-anyway");
    }
    if (!data) data = DataRecord::of(load_data(plan.recipe), {});
    const Checkpoint saved = load_checkpoint(directory.checkpoint());
    const RunSettings now{.config_toml = saved.config_toml, .data = *data, .resume_anyway = plan.recipe.resume_anyway};
    RunCallbacks inner;
    inner.note = [&](const std::string& text) {
      if (callbacks.note) callbacks.note(cell.name() + ": " + text);
    };
    expect_unchanged(saved, saved.config_toml, directory, now, inner,
                     cell.finished() ? "is finished, and would not end with the same bits now" : kOtherBits);
  }
}

// Runs one cell of the table, or picks up its result. False if it was stopped. Errors: Interrupted.
bool run_cell(const Cell& cell, const CompareCallbacks& callbacks, RunResult& result) {
  if (cell.finished()) {
    result = read_result(cell.dir);
    return true;
  }
  TrainCallbacks inner;
  inner.step = callbacks.step;
  inner.stop = callbacks.stop;
  inner.begin = callbacks.begin;
  inner.interrupted = callbacks.interrupted;
  const Interruptible interruptible(callbacks.interrupted);
  const TrainResult trained = train(cell.config, cell.dir, cell.started, inner);
  if (!trained.finished) return false;
  result = measure(cell.dir, cell.config, trained.last.epoch);
  return true;
}

CompareRow row_of(const MethodPair& pair, std::vector<RunResult> results) {
  CompareRow row;
  row.pair = pair;
  row.diverged = std::erase_if(results, [](const RunResult& r) { return !r.diverged.empty(); });
  if (results.empty()) row.mean = row.loss = std::numeric_limits<double>::quiet_NaN();
  const auto n = static_cast<double>(results.size());
  std::vector<double> zeros;
  for (const RunResult& r : results) {
    row.accuracies.push_back(r.accuracy);
    row.mean += r.accuracy / n;
    row.losses.push_back(r.loss);
    row.loss += r.loss / n;
    row.seconds += r.seconds / n;
    zeros.insert(zeros.end(), r.zero_shares.begin(), r.zero_shares.end());
  }
  for (const double a : row.accuracies) row.spread += (a - row.mean) * (a - row.mean);
  row.spread = results.size() > 1 ? std::sqrt(row.spread / (n - 1)) : 0.0;
  if (!zeros.empty()) {
    for (const double z : zeros) row.zero_share += z / static_cast<double>(zeros.size());
    const auto [low, high] = std::minmax_element(zeros.begin(), zeros.end());
    row.lowest_zero_share = *low;
    row.highest_zero_share = *high;
  }
  if (!results.empty()) row.packed_bytes = results[0].packed_bytes;
  return row;
}

// Until all are done, or one is stopped: `table` then has a row of those that are done of its pair, if any.
void run_cells(const std::vector<Cell>& cells, std::size_t seeds, const CompareCallbacks& callbacks,
               CompareTable& table) {
  bool stopped = false;
  std::set<std::string> diverged;  // folders
  for (std::size_t begin = 0; begin < cells.size() && !stopped; begin += seeds) {
    std::vector<RunResult> results;
    for (const Cell& cell : std::span(cells).subspan(begin, seeds)) {
      if (callbacks.start) callbacks.start(table.done, table.runs, cell.name());
      RunResult result;
      try {
        if (diverged.contains(cell.config.from)) throw LostRun("not run: the run that it would begin with diverged");
        stopped = !run_cell(cell, callbacks, result);
      } catch (const Interrupted&) {
        stopped = true;
      } catch (const LostRun& e) {
        result.diverged = e.what();
      }
      if (stopped) break;
      if (!result.diverged.empty()) {
        diverged.insert(cell.dir);
        if (callbacks.note) callbacks.note("diverged: " + cell.name() + ": " + result.diverged);
      }
      results.push_back(std::move(result));
      ++table.done;
    }
    if (!results.empty()) table.rows.push_back(row_of(cells[begin].pair, std::move(results)));
  }
}

}  // namespace

CompareTable compare(const ComparePlan& plan, const CompareCallbacks& callbacks) {
  if (plan.pairs.empty() || plan.seeds.empty()) throw ValueError("[compare] expected at least one pair and one seed");
  if (plan.warm_start && !plan.pairs[0].is_fp32()) {
    throw ValueError("[compare] a warm start needs none/none as the first pair; got " + plan.pairs[0].str());
  }
  const fs::path directory = plan.directory;
  std::optional<FolderLock> lock;
  std::error_code ec;
  if (fs::is_directory(directory, ec)) lock.emplace(plan.directory);
  CompareCallbacks locking = callbacks;
  locking.begin = [&] {  // of the first run, which makes the directory once nothing is left to refuse
    if (!lock) lock.emplace(plan.directory);
    if (callbacks.begin) callbacks.begin();
  };
  CompareTable table;
  table.runs = plan.pairs.size() * plan.seeds.size();
  try {
    const Interruptible interruptible(callbacks.interrupted);
    const std::vector<Cell> cells = cells_of(plan);
    expect_one_table(cells, plan, callbacks);
    run_cells(cells, plan.seeds.size(), locking, table);
  } catch (const Interrupted&) {  // nothing is done yet
  }
  if (const CompareRow* reference = table.reference()) {
    const double mean = reference->mean;
    for (CompareRow& r : table.rows) r.gap = mean - r.mean;
  }
  if (!table.rows.empty()) {
    write_file_atomically((directory / "table.json").string(), compare_json(table));
    write_file_atomically((directory / "table.md").string(), compare_markdown(table));
    write_file_atomically((directory / "table.svg").string(), compare_svg(table));
  }
  return table;
}

}  // namespace tern
