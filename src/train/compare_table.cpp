// The table of a comparison: as JSON, as Markdown, as a picture.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "draw/chart.hpp"
#include "tern/compare.hpp"

namespace tern {
namespace {

using nlohmann::ordered_json;

std::string progress_text(const CompareTable& table) {
  return std::to_string(table.done) + " of " + std::to_string(table.runs) + " runs are done";
}

std::string markdown_row(const CompareRow& r, bool has_reference) {
  const std::string diverged = r.diverged > 0 ? fmt::format(", {} diverged", r.diverged) : "";
  if (r.accuracies.empty()) {
    return fmt::format("| {} | {} | diverged | | | | | | | 0{} |\n", r.pair.weights, r.pair.acts, diverged);
  }
  const std::string zeros = r.pair.weights == "none" ? ""
                                                     : fmt::format("{:.3f} ({:.3f}..{:.3f})", r.zero_share,
                                                                   r.lowest_zero_share, r.highest_zero_share);
  return fmt::format("| {} | {} | {:.2f} | {:.2f} | {} | {:.4f} | {} | {} | {:.0f} | {}{} |\n", r.pair.weights,
                     r.pair.acts, 100 * r.mean, 100 * r.spread, has_reference ? fmt::format("{:.2f}", 100 * r.gap) : "",
                     r.loss, zeros, r.packed_bytes, r.seconds, r.accuracies.size(), diverged);
}

}  // namespace

const CompareRow* CompareTable::reference() const {
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [](const CompareRow& r) { return r.pair.is_fp32() && !r.accuracies.empty(); });
  return found == rows.end() ? nullptr : &*found;
}

std::size_t CompareTable::diverged() const {
  return std::accumulate(rows.begin(), rows.end(), std::size_t{0},
                         [](std::size_t n, const CompareRow& r) { return n + r.diverged; });
}

std::string compare_json(const CompareTable& table) {
  ordered_json rows = ordered_json::array();
  for (const CompareRow& r : table.rows) {
    rows.push_back({{"weights", r.pair.weights},
                    {"acts", r.pair.acts},
                    {"accuracies", r.accuracies},
                    {"diverged", r.diverged},
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
  const ordered_json j{{"partial", table.partial()}, {"done", table.done}, {"runs", table.runs}, {"rows", rows}};
  return j.dump(1) + "\n";
}

std::string compare_markdown(const CompareTable& table) {
  std::string out =
      "| weights | activations | accuracy % | spread | gap to fp32 | loss | zero weights (lowest..highest layer) | "
      "packed bytes | s a run | seeds |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n";
  for (const CompareRow& r : table.rows) out += markdown_row(r, table.reference() != nullptr);
  if (table.partial()) out += "\nPartial: " + progress_text(table) + ".\n";
  return out;
}

std::string compare_svg(const CompareTable& table) {
  std::vector<draw::DotRow> dots;
  for (const CompareRow& r : table.rows) {
    const std::string label = r.pair.str() + (r.accuracies.empty() ? ": diverged" : "");
    dots.push_back({label, 100 * r.mean, 100 * r.spread, &r == table.reference()});
  }
  return draw::dot_chart(
      "test accuracy by weights / activations" + (table.partial() ? "; partial: " + progress_text(table) : ""),
      "accuracy, %; line: one standard deviation to each side", dots, {0, 100});
}

}  // namespace tern
