#include "tern/compare.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "core/file.hpp"
#include "tern/convert.hpp"
#include "tern/error.hpp"

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
};

// One line of a file of results. Anybody may have edited it: `where` begins the errors.
class ResultLine {
 public:
  ResultLine(const std::string& text, const std::string& path, int line)
      : where_("[compare] " + path + ", line " + std::to_string(line) + ": ") {
    try {
      root_ = ordered_json::parse(text);
    } catch (const ordered_json::exception&) {
      fail("not JSON");
    }
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
  const ordered_json& root() const { return root_; }
  [[noreturn]] void fail(const std::string& why) const { throw FormatError(where_ + why); }

 private:
  std::string where_;
  ordered_json root_;
};

RunResult measure(const std::string& dir, const TrainConfig& config) {
  RunResult r;
  const std::string path = dir + "/metrics.jsonl";
  std::istringstream lines(read_text_file(path));
  std::optional<ResultLine> last;
  std::string text;
  for (int number = 1; std::getline(lines, text); ++number) r.seconds += last.emplace(text, path, number).seconds();
  if (!last) throw FormatError("[compare] " + path + ": expected a line an epoch; it is empty");
  const ordered_json& test = last->at("test");
  r.accuracy = last->accuracy(test);
  r.loss = last->loss(test);
  TrainedRun run = load_run(dir, "last");
  for (const LayerHealth& h : network_health(run.network, {})) {
    if (!h.shares.empty()) r.zero_shares.push_back(h.shares[h.shares.size() / 2]);
  }
  r.packed_bytes = static_cast<std::int64_t>(packed::encode(pack(run.network, {{"model", config.model}})).size());
  const ordered_json j{{"accuracy", r.accuracy},
                       {"loss", r.loss},
                       {"seconds", r.seconds},
                       {"zero_shares", r.zero_shares},
                       {"packed_bytes", r.packed_bytes}};
  write_file_atomically(dir + "/result.json", j.dump() + "\n");
  return r;
}

RunResult read_result(const std::string& dir) {
  const std::string path = dir + "/result.json";
  try {
    const ResultLine line(read_text_file(path, 1 << 20), path, 1);
    RunResult r{line.accuracy(line.root()), line.loss(line.root()), line.seconds(), {}, 0};
    const ordered_json& shares = line.at("zero_shares");
    if (!shares.is_array()) line.fail("expected a list for \"zero_shares\"");
    for (const ordered_json& share : shares) r.zero_shares.push_back(line.number(share, "zero_shares", 1));
    r.packed_bytes = static_cast<std::int64_t>(line.number(line.at("packed_bytes"), "packed_bytes", 1e12));
    return r;
  } catch (const FormatError& e) {
    throw FormatError(std::string(e.what()) + "; remove the file to measure the run again");
  }
}

// Runs one cell of the table, or picks up its result. False if it was stopped.
bool run_cell(const ComparePlan& plan, TrainConfig config, const std::string& dir, const CompareCallbacks& callbacks,
              RunResult& result) {
  const std::string path = dir + "/config.toml";
  std::error_code ec;
  const bool started = fs::exists(path, ec);
  if (started) {
    const std::string text = read_text_file(path);
    const TrainConfig saved = TrainConfig::parse(text, path);
    if (!config.from.empty()) {  // a warm start takes the normalisation over
      if (config.mean.empty()) config.mean = saved.mean;
      if (config.std.empty()) config.std = saved.std;
    }
    if (text != config.toml()) {
      throw ValueError("[compare] " + dir + " holds a run with other settings; choose another directory than " +
                       plan.directory);
    }
  }
  if (fs::exists(dir + "/result.json", ec)) {
    result = read_result(dir);
    return true;
  }
  TrainCallbacks inner;
  inner.step = callbacks.step;
  inner.stop = callbacks.stop;
  if (!train(config, dir, started, inner).finished) return false;
  result = measure(dir, config);
  return true;
}

CompareRow row_of(const MethodPair& pair, const std::vector<RunResult>& results) {
  CompareRow row;
  row.pair = pair;
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

bool is_fp32(const MethodPair& p) { return p.weights == "none" && p.acts == "none"; }

}  // namespace

std::vector<CompareRow> compare(const ComparePlan& plan, const CompareCallbacks& callbacks) {
  if (plan.pairs.empty() || plan.seeds.empty()) throw ValueError("[compare] expected at least one pair and one seed");
  if (plan.warm_start && !is_fp32(plan.pairs[0])) {
    throw ValueError("[compare] a warm start needs none/none as the first pair; got " + plan.pairs[0].str());
  }
  std::vector<CompareRow> rows;
  const std::size_t runs = plan.pairs.size() * plan.seeds.size();
  std::size_t run = 0;
  bool stopped = false;
  for (const MethodPair& pair : plan.pairs) {
    std::vector<RunResult> results;
    for (const std::int64_t seed : plan.seeds) {
      if (stopped) break;
      TrainConfig config = plan.recipe;
      config.weights = pair.weights;
      config.acts = pair.acts;
      config.seed = seed;
      if (plan.warm_start && !is_fp32(pair))
        config.from = (fs::path(plan.directory) / file_name_of(plan.pairs[0], seed)).string();
      const std::string dir = (fs::path(plan.directory) / file_name_of(pair, seed)).string();
      if (callbacks.start) callbacks.start(run++, runs, pair.str() + ", seed " + std::to_string(seed));
      RunResult result;
      stopped = !run_cell(plan, config, dir, callbacks, result);
      if (!stopped) results.push_back(std::move(result));
    }
    if (!results.empty()) rows.push_back(row_of(pair, results));
  }
  const auto fp32 = std::find_if(rows.begin(), rows.end(), [](const CompareRow& r) { return is_fp32(r.pair); });
  if (fp32 != rows.end()) {
    const double reference = fp32->mean;
    for (CompareRow& r : rows) r.gap = reference - r.mean;
  }
  if (!rows.empty()) {
    write_file_atomically((fs::path(plan.directory) / "table.json").string(), compare_json(rows));
    write_file_atomically((fs::path(plan.directory) / "table.md").string(), compare_markdown(rows));
    write_file_atomically((fs::path(plan.directory) / "table.svg").string(), compare_svg(rows));
  }
  return rows;
}

std::string compare_json(const std::vector<CompareRow>& rows) {
  ordered_json j = ordered_json::array();
  for (const CompareRow& r : rows) {
    j.push_back({{"weights", r.pair.weights},
                 {"acts", r.pair.acts},
                 {"accuracies", r.accuracies},
                 {"mean", r.mean},
                 {"spread", r.spread},
                 {"gap", r.gap},
                 {"losses", r.losses},
                 {"loss", r.loss},
                 {"zero_share", r.zero_share},
                 {"lowest_zero_share", r.lowest_zero_share},
                 {"highest_zero_share", r.highest_zero_share},
                 {"packed_bytes", r.packed_bytes},
                 {"seconds", r.seconds}});
  }
  return j.dump(1) + "\n";
}

std::string compare_markdown(const std::vector<CompareRow>& rows) {
  std::string out =
      "| weights | activations | accuracy % | spread | gap to fp32 | loss | zero weights (lowest..highest layer) | "
      "packed bytes | s a run | seeds |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n";
  const bool has_fp32 = std::any_of(rows.begin(), rows.end(), [](const CompareRow& r) { return is_fp32(r.pair); });
  for (const CompareRow& r : rows) {
    const bool quantized = r.pair.weights != "none";
    out += fmt::format(
        "| {} | {} | {:.2f} | {:.2f} | {} | {:.4f} | {} | {} | {:.0f} | {} |\n", r.pair.weights, r.pair.acts,
        100 * r.mean, 100 * r.spread, has_fp32 ? fmt::format("{:.2f}", 100 * r.gap) : "", r.loss,
        quantized ? fmt::format("{:.3f} ({:.3f}..{:.3f})", r.zero_share, r.lowest_zero_share, r.highest_zero_share)
                  : "",
        r.packed_bytes, r.seconds, r.accuracies.size());
  }
  return out;
}

std::string compare_svg(const std::vector<CompareRow>& rows) {
  double low = 1, high = 0, reference = -1;
  for (const CompareRow& r : rows) {
    low = std::min(low, r.mean - r.spread);
    high = std::max(high, r.mean + r.spread);
    if (is_fp32(r.pair)) reference = r.mean;
  }
  low = std::floor(low * 100 - 0.5) / 100;
  high = std::ceil(high * 100 + 0.2) / 100;
  constexpr double kLeft = 230, kWidth = 520, kRow = 24, kTop = 40;
  const double height = kTop + kRow * static_cast<double>(rows.size()) + 30;
  const auto x = [&](double accuracy) { return kLeft + kWidth * (accuracy - low) / (high - low); };
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"820\" height=\"{0:.0f}\" viewBox=\"0 0 820 {0:.0f}\" "
      "font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"820\" height=\"{0:.0f}\" fill=\"white\"/>\n"
      "<text x=\"{1:.0f}\" y=\"20\" font-size=\"14\">test accuracy in %, weights / activations (bar: mean, line: +- 1 "
      "standard deviation)</text>\n",
      height, 12.0);
  double y = kTop;
  for (const CompareRow& r : rows) {
    out +=
        fmt::format("<text x=\"{:.0f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kLeft - 8, y + 14, r.pair.str());
    out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"16\" fill=\"{}\"/>\n", kLeft, y + 2,
                       x(r.mean) - kLeft, is_fp32(r.pair) ? "#999999" : "#4477aa");
    out += fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"black\"/>\n",
                       x(r.mean - r.spread), x(r.mean + r.spread), y + 10, y + 10);
    out +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{:.2f}</text>\n", x(r.mean + r.spread) + 5, y + 14, 100 * r.mean);
    y += kRow;
  }
  if (reference >= 0) {
    out += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" stroke=\"#999999\" stroke-dasharray=\"4 "
        "3\"/>\n",
        x(reference), kTop, y);
  }
  out += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\">{:.0f}</text>\n<text x=\"{:.1f}\" y=\"{:.1f}\" "
      "text-anchor=\"end\">{:.0f}</text>\n</svg>\n",
      kLeft, y + 18, 100 * low, kLeft + kWidth, y + 18, 100 * high);
  return out;
}

}  // namespace tern
